"""docs/api-reference.md is what the CRD says."""

from __future__ import annotations

from api_reference import PAGE, page


def test_the_reference_is_that_of_the_crd() -> None:
    """After a change of the CRD: `make api-reference`."""
    assert PAGE.read_text() == page()


def test_it_holds_the_deepest_fields() -> None:
    """With their defaults and rules."""
    text = PAGE.read_text()

    assert '| `threshold` | string | `"2"` |' in text
    assert "### spec.redis.managed.storage" in text
    assert "To migrate: create a second AnomalyPipeline" in text
