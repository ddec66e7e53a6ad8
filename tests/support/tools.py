"""Finds the programs that tests need where the cluster tooling keeps them."""

from __future__ import annotations

import os


def helm_binary() -> str:
    return os.environ["HELM"]
