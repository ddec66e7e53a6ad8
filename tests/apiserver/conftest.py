"""A real kube-apiserver for all tests of this folder, a namespace and an operator for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from api_server import ApiServer, api_server
from kube import Kubectl
from operator_process import OperatorProcess, operator

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the API server."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.apiserver)


@pytest.fixture(scope="session")
def server() -> Iterator[ApiServer]:
    with api_server() as found:
        yield found


@pytest.fixture
def kubectl(server: ApiServer) -> Iterator[Kubectl]:
    """kubectl in a namespace of the test's own."""
    name = f"test-{next(_numbers)}"
    admin = server.kubectl()
    admin.run("create", "namespace", name)
    yield admin.within(name)
    admin.run("delete", "namespace", name, "--wait=false")


@pytest.fixture
def served(server: ApiServer, kubectl: Kubectl, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator that serves the test's namespace, and no other."""
    with operator(server.kubeconfig, tmp_path, watch_namespaces=kubectl.namespace) as process:
        yield process
