"""docs/conformance.md names tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "conformance.md"


def named() -> list[tuple[str, str]]:
    """File and function of each test that the page names."""
    return re.findall(r"`([a-z0-9_/]+\.py)::(test_\w+)`", PAGE.read_text())


def test_every_test_that_is_named_is_there() -> None:
    """A row whose test was renamed or taken out says nothing any more."""
    missing = []
    for file, function in named():
        tree = ast.parse((TESTS / file).read_text())
        functions = {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        if function not in functions:
            missing.append(f"{file}::{function}")
    assert not missing


def test_every_row_names_a_test() -> None:
    """And nothing is claimed without one."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    headings = [row for row in rows if row == "| | test |"]
    assert len(rows) - len(headings) > 50
    assert all("::test_" in row for row in rows if row not in headings)
