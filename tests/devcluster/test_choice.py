"""The choice of a provider, and that foreign clusters are left alone."""

from pathlib import Path

import pytest

from devcluster import choice, kubeconfig
from devcluster.choice import Choice
from devcluster.errors import DevClusterError
from devcluster.paths import Cache


def unasked() -> bool:
    """Fail the test: the question takes minutes and must not be asked."""
    raise AssertionError("asked for the stock image in vain")


def test_without_an_engine_the_automatic_choice_is_local() -> None:
    """No engine, no kind, whatever KIND_NODE_IMAGE says."""
    found = choice.automatic(
        engine_answers=False, node_image="local/kindnode:x", can_pull_stock=unasked
    )

    assert found is Choice.LOCAL


def test_an_engine_and_a_node_image_are_enough_for_kind() -> None:
    """KIND_NODE_IMAGE makes the registry unnecessary."""
    found = choice.automatic(
        engine_answers=True, node_image="local/kindnode:x", can_pull_stock=unasked
    )

    assert found is Choice.KIND


@pytest.mark.parametrize(("pullable", "expected"), [(True, Choice.KIND), (False, Choice.LOCAL)])
def test_an_engine_alone_needs_the_stock_image(pullable: bool, expected: Choice) -> None:
    """An engine that cannot get a node image is of no use."""
    found = choice.automatic(engine_answers=True, node_image="", can_pull_stock=lambda: pullable)

    assert found is expected


def test_a_said_provider_is_taken_as_it_is(tmp_path: Path) -> None:
    """The current cluster is used exactly when it was said."""
    assert choice.to_make(Cache(tmp_path), Choice.CURRENT) is Choice.CURRENT


def test_up_again_keeps_the_provider_that_is_up(tmp_path: Path) -> None:
    """A Docker engine that appears meanwhile does not make a second cluster."""
    cache = Cache(tmp_path)
    cache.active.write_text("local\n")

    assert choice.to_make(cache, Choice.AUTO) is Choice.LOCAL
    assert choice.to_use(cache, Choice.AUTO) is Choice.LOCAL


def test_without_a_cluster_the_other_commands_say_how_to_make_one(tmp_path: Path) -> None:
    """There is no silent fall-back to the user's current cluster."""
    with pytest.raises(DevClusterError, match="make cluster"):
        choice.to_use(Cache(tmp_path), Choice.AUTO)


def test_a_foreign_context_is_refused(tmp_path: Path) -> None:
    """A kubeconfig that points elsewhere is left alone, with its name in the message."""
    path = tmp_path / "kubeconfig"
    path.write_text("current-context: production\n")

    with pytest.raises(DevClusterError, match="production"):
        kubeconfig.refuse_foreign(path, "kind-anomaly")


def test_our_own_context_is_accepted(tmp_path: Path) -> None:
    """What was made here may be used here."""
    path = tmp_path / "kubeconfig"
    path.write_text("current-context: kind-anomaly\n")

    kubeconfig.refuse_foreign(path, "kind-anomaly")


def test_a_missing_kubeconfig_is_no_context_of_ours(tmp_path: Path) -> None:
    """A missing file is refused like a foreign one."""
    with pytest.raises(DevClusterError):
        kubeconfig.refuse_foreign(tmp_path / "none", "kind-anomaly")
