"""What an Alertmanager is told when, second by second: resent, resolved, missed."""

from __future__ import annotations

from msgspec.structs import replace

from anomaly_dataplane.alerting.alert import Alert, Kind, State
from anomaly_dataplane.alerting.delivery.known import Known
from anomaly_dataplane.contract.config import Alertmanager
from samples import START_MS, a_config

HOUR = 3600.0


def peers(**said: str) -> Alertmanager:
    return a_config(alerting={"alertmanager": said}).alerting.alertmanager


def opened(second: float, key: str = "s/Above", anomalies: int = 1) -> Alert:
    """An alert that was told to be open at this second."""
    at_ms = int(START_MS + 1e3 * second)
    return Alert(
        key=key,
        id=f"{key}-{at_ms}",
        kind=Kind.SERIES,
        metric="temperature",
        labels={},
        direction="Above",
        state=State.OPEN,
        started_ms=at_ms,
        opened_ms=at_ms,
        updated_ms=at_ms,
        anomalies=anomalies,
        told=True,
        told_open_ms=at_ms,
        told_anomalies=anomalies,
    )


def resolved(alert: Alert, second: float) -> Alert:
    at_ms = int(START_MS + 1e3 * second)
    return replace(alert, state=State.RESOLVED, told=False, resolved_ms=at_ms)


def at(second: float) -> float:
    return START_MS / 1e3 + second


def test_what_is_open_is_told_again_after_each_delay() -> None:
    """And at once when there is another anomaly of it."""
    known, alert = Known(peers(resendDelay="30s")), opened(0)
    assert known.due([alert], at(0)) == [alert]
    known.told([alert], at(0))
    assert known.due([alert], at(29)) == []
    assert known.due([alert], at(30)) == [alert]
    known.told([alert], at(30))
    worse = replace(alert, anomalies=2, told_anomalies=2)
    assert known.due([worse], at(31)) == [worse]


def test_a_spike_fires_for_longer_than_the_group_waits() -> None:
    """Else nobody would be told of it."""
    for wait, ends in (("0s", 10), ("30s", 40), ("2m", 130)):
        known, spike = Known(peers(groupWait=wait)), resolved(opened(0), 1)
        assert known.end(spike, at(ends - 1)) is None
        assert known.end(spike, at(ends)) == at(ends)
        assert known.end(resolved(opened(0), 500), at(500)) == at(500)


def test_a_resolve_is_told_for_ten_minutes() -> None:
    """At once, and with each delay."""
    known, alert = Known(peers()), opened(0)
    known.told(known.due([alert], at(0)), at(0))
    over = resolved(alert, 100)
    assert known.due([over], at(101)) == [over]
    known.told([over], at(101))
    assert known.due([over], at(160)) == []
    assert known.due([over], at(161)) == [over]
    assert known.due([over], at(701)) == []
    assert known.missed == 0


def test_after_an_hour_away_what_is_open_is_told_and_what_is_over_is_counted() -> None:
    """A resolve that it does not hear of follows from endsAt, so that is nothing lost."""
    known = Known(peers())
    heard, missed, lasting = opened(0, "a"), opened(0, "b"), opened(0, "c")
    known.told([heard], at(0))
    assert known.due([heard, missed, lasting], at(1)) == [missed, lasting]  # not taken
    over = [resolved(heard, 60), resolved(missed, 60)]
    assert known.due([*over, lasting], at(70)) == [*over, lasting]
    for second in range(100, int(HOUR), 60):
        known.due([*over, lasting] if second < 900 else [lasting], at(second))
    assert known.due([lasting], at(HOUR)) == [lasting]
    assert known.missed == 1


def test_an_alert_whose_place_another_one_took_untold_is_counted() -> None:
    """They are one to Alertmanager, which hears of the later one."""
    known = Known(peers())
    known.due([opened(0)], at(0))
    later = opened(400)
    assert known.due([later], at(400)) == [later]
    assert known.missed == 1


def test_what_goes_to_another_pod_is_not_missed() -> None:
    """Nor is what a pod before this one may have told."""
    known = Known(peers())
    known.due([opened(0)], at(0))
    assert known.due([], at(1)) == []
    known.due([resolved(opened(0), 1)], at(100))
    assert known.due([resolved(opened(0), 1)], at(HOUR)) == []
    assert known.missed == 0
