"""Names that Kubernetes takes, whatever the resource is called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator import names

CR_NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?", fullmatch=True)
LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


@given(CR_NAMES)
def test_every_child_has_a_name_that_a_service_may_have(name: str) -> None:
    """Short, starting with a letter, without dots, however odd the resource's own name is."""
    for child in (names.dataplane, names.config, names.metrics, names.redis):
        assert LABEL.fullmatch(child(name))
    assert len(names.redis(name)) <= 52  # what pods of a StatefulSet leave room for


@given(CR_NAMES, CR_NAMES)
def test_two_resources_never_share_children(one: str, other: str) -> None:
    """Different names stay different after shortening."""
    assert (names.base(one) == names.base(other)) == (one == other)


@pytest.mark.parametrize("name", ["boiler-room", "a", "x" * 46])
def test_an_ordinary_name_is_kept(name: str) -> None:
    """The Deployment is called like the resource, so that people find it."""
    assert names.dataplane(name) == name


@pytest.mark.parametrize("name", ["a.b", "1st", "x" * 47, "x" * 253])
def test_an_odd_name_gets_a_hash(name: str) -> None:
    """A name that had to be bent carries a hash of the original."""
    assert re.search(r"-[0-9a-f]{8}$", names.base(name))


def test_the_selector_is_part_of_the_labels() -> None:
    """Otherwise no pod would ever be selected."""
    labels = names.labels("boiler", names.DATAPLANE)

    assert names.selector("boiler", names.DATAPLANE).items() <= labels.items()
