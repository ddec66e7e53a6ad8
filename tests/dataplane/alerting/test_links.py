"""Where links of alerts lead to; the page's side of it is in `page/test_page.py`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anomaly_dataplane.alerting.alert import Alert, Kind, State
from anomaly_dataplane.alerting.delivery.links import link
from samples import a_config

SERIES = Alert("k", "i", Kind.SERIES, "m", {}, "Above", State.OPEN, 0, 0, 0, series="122984d1")
GROUP = Alert("k", "i", Kind.GROUP, "", {"device": "a/b: 1"}, "None", State.OPEN, 0, 0, 0)


@pytest.mark.parametrize(
    ("alert", "page", "there"),
    [
        (SERIES, True, "/#series=122984d1"),
        (GROUP, True, "/#label=device%3Aa%2Fb%3A+1"),
        (SERIES, False, "/api/v1/series/122984d1/explain"),
        (GROUP, False, "/api/v1/series?label=device%3Aa%2Fb%3A+1"),
    ],
)
def test_a_link_leads_to_what_is_served(alert: Alert, page: bool, there: str) -> None:
    """The page, or what the API tells where there is none; nothing where the address is unknown."""
    config = a_config(page={"enabled": page})
    assert link(config, alert) == ""
    assert link(replace(config, public_url="https://x/team/b"), alert) == f"https://x/team/b{there}"
