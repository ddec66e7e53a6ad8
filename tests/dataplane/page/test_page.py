"""The live page in a real browser, against a whole pod on a real Redis."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest

from anomaly_dataplane.alerting.alert import Alert, Kind, State
from anomaly_dataplane.alerting.delivery.links import link
from browser import Browser, browser
from erring_device import Device
from outages import Stack, a_stack
from polling import eventually
from samples import ZSCORE

HOSTILE = '"><img src=x onerror="document.title=1"><script>window.hacked=1</script>'
DETECTION = {**ZSCORE, "holdOffSamples": 0, "repeatAfterSamples": 0}

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A pipeline below a prefix that has found something, in a series with a hostile label, too."""
    folder = tmp_path_factory.mktemp("page")
    quick = {"group": {"by": ""}}
    with a_stack(folder, basePath="/team/boiler", detection=DETECTION, alerting=quick) as running:
        for metric in ("temperature", "pressure"):
            device = Device(lambda: running.url, metric)
            device.warm_up()
            device.send(12.5, *(10 + 0.1 * (i % 3) for i in range(10)))
        device = Device(lambda: running.url, "temperature")
        device.labels = {"device": HOSTILE}
        device.warm_up()
        device.send(99)
        yield running


@pytest.fixture
def page(stack: Stack, window: Browser) -> Browser:
    window.dark(False)
    window.resize(1200, 900)
    window.open(f"{stack.url}/team/boiler/")
    eventually("it shows anomalies", lambda: rows(window) >= 3)
    eventually("it is live", lambda: window.text("#state") == "live")
    return window


def rows(window: Browser) -> int:
    return int(window.run("return document.querySelectorAll('#anomalies tr').length"))


def test_it_shows_what_was_found(page: Browser, tmp_path: Path) -> None:
    """Anomalies with a line of their samples, totals, open alerts; in light and dark and small."""
    assert page.text("#name") == "tests/outages"
    lines = "return document.querySelectorAll('#anomalies svg polyline').length"
    eventually("every anomaly has a line", lambda: page.run(lines) == rows(page))
    # Two of the three spikes were over at once.
    eventually("alerts are listed", lambda: page.text("#open") == "1")
    assert "above the expected" in page.text("#alerts")
    assert page.text("#series") == "3"
    assert page.run(
        "const none = document.createElement('li'); none.className = 'empty';"
        "const list = document.querySelector('#alerts'); list.append(none);"
        "const color = (element) => getComputedStyle(element).borderLeftColor;"
        "const [bad, good] = [color(list.firstChild), color(none)];"
        "none.remove(); return bad !== good"
    ), "that there is no alert looks like an alert"
    dots = "return document.querySelectorAll('#anomalies svg circle').length"
    assert page.run(dots) == rows(page)
    folder = Path(os.environ.get("PAGE_SCREENSHOTS", tmp_path))
    page.screenshot(folder / "light.png")
    page.dark(True)
    page.screenshot(folder / "dark.png")
    dark = page.run("return getComputedStyle(document.body).backgroundColor")
    page.dark(False)
    assert dark != page.run("return getComputedStyle(document.body).backgroundColor")
    page.resize(400, 800)
    page.screenshot(folder / "small.png")
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_an_anomaly_that_is_older_than_the_samples_is_not_drawn_among_them(
    page: Browser, stack: Stack
) -> None:
    """Its line is there, without the dot and the band of another time."""
    device = Device(lambda: stack.url, "flow")
    device.warm_up()
    device.send(99, *(10 + 0.1 * (i % 3) for i in range(70)))
    page.open(f"{stack.url}/team/boiler/")
    row = "[...document.querySelectorAll('#anomalies tr')].find(e => e.innerText.includes('flow'))"
    drawn = f"return !!({row}?.querySelector('polyline'))"
    eventually("it has a line", lambda: page.run(drawn))
    assert page.run(f"return {row}.querySelectorAll('circle, rect').length") == 0


def test_new_anomalies_come_by_themselves(page: Browser, stack: Stack) -> None:
    """Without a reload, said aloud to who cannot see it."""
    before = rows(page)
    device = Device(lambda: stack.url, "humidity")
    device.warm_up()
    device.send(77)
    eventually("it is there", lambda: rows(page) == before + 1)
    assert "humidity" in page.text("#anomalies tr:first-child")
    assert page.text("#news").startswith("New: humidity")


def test_a_hostile_label_stays_text(page: Browser) -> None:
    """Shown as it was sent, never run; the policy has nothing to forbid either."""
    assert HOSTILE in page.text("#anomalies")
    assert page.run("return document.querySelectorAll('img').length") == 0
    assert page.run("return window.hacked") is None
    assert page.run("return document.title") != "1"
    assert page.complaints() == []


def test_the_policy_lets_nothing_else_run(page: Browser) -> None:
    """Even if a fault put text of a sender into the markup."""
    page.run(
        "const s = document.createElement('script'); s.textContent = 'window.hacked = 1';"
        "document.body.append(s);"
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hacked=1\">');"
    )
    time.sleep(0.5)
    assert page.run("return window.hacked") is None
    assert any("Content Security Policy" in said for said in page.complaints())


def test_it_can_be_used_without_a_mouse(page: Browser) -> None:
    """The button is reached by keyboard and says its state; regions and columns have names."""
    page.run("document.querySelector('#pause').focus(); document.activeElement.click()")
    assert (
        page.run("return document.querySelector('#pause').getAttribute('aria-pressed')") == "true"
    )
    eventually("it says so", lambda: page.text("#state") == "paused")
    unnamed = (
        "return [...document.querySelectorAll('svg')].filter(e => !e.getAttribute('aria-label'))"
        ".length + [...document.querySelectorAll('section')].filter(e => "
        "!document.getElementById(e.getAttribute('aria-labelledby'))).length"
    )
    assert page.run(unnamed) == 0
    assert page.run("return document.documentElement.lang") == "en"
    assert page.run("return document.querySelectorAll('th:not([scope])').length") == 0


def test_an_anomaly_is_marked_as_a_false_alarm_and_that_is_taken_back(
    page: Browser, stack: Stack, tmp_path: Path
) -> None:
    """By keyboard, said aloud, kept over a reload; the series' threshold rises and falls again."""
    rows = "[...document.querySelectorAll('#anomalies tr')]"
    row = f"{rows}.find(e => e.innerText.includes('pressure'))"
    button = f"{row}.querySelector('button')"
    series = json.loads(urlopen(f"{stack.url}/api/v1/series?metric=pressure").read())["series"]
    explain = f"{stack.url}/api/v1/series/{series[0]['id']}/explain"

    def complaints() -> int:
        with urlopen(explain) as answer:
            return int(json.load(answer)["feedback"]["complaints"])

    def label() -> str:
        return str(page.run(f"return {button}.textContent"))

    page.run(f"{button}.focus()")
    assert page.run(f"return document.activeElement === {button}")
    assert "pressure" in page.run(f"return {button}.getAttribute('aria-label')")
    page.press("Enter")
    eventually("it is marked", lambda: label() == "Undo: false alarm")
    assert complaints() == 1
    assert "1.15 times" in page.text("#news")
    assert page.run(f"return document.activeElement === {button}")
    page.screenshot(Path(os.environ.get("PAGE_SCREENSHOTS", tmp_path)) / "feedback.png")

    page.open(f"{stack.url}/team/boiler/")
    eventually("it is there", lambda: page.run(f"return !!({row})"))
    eventually("it is still marked", lambda: label() == "Undo: false alarm")
    page.run(f"{button}.focus()")
    page.press("Enter")
    eventually("it is taken back", lambda: label() == "False alarm")
    assert complaints() == 0


def test_a_link_of_an_alert_leads_to_its_series_and_to_its_group(
    page: Browser, stack: Stack, tmp_path: Path
) -> None:
    """By the fragment that alerts carry; a series of the list is one click away."""
    folder = Path(os.environ.get("PAGE_SCREENSHOTS", tmp_path))
    config = replace(stack.config, public_url=f"{stack.url}/team/boiler")
    with urlopen(f"{stack.url}/api/v1/series?metric=temperature") as answer:
        ids = {s["labels"]["device"]: s["id"] for s in json.load(answer)["series"]}
    alert = Alert("k", "i", Kind.SERIES, "temperature", {}, "Above", State.OPEN, 0, 0, 0)
    page.open(link(config, msgspec.structs.replace(alert, series=ids[HOSTILE])))

    def shown(text: str) -> bool:
        return text in page.text("#about")

    eventually("it tells of the series", lambda: shown("Last events") and shown("99"))
    assert HOSTILE in page.text("#about-title")
    assert shown("Episode\nsince")
    page.screenshot(folder / "series.png")

    group = msgspec.structs.replace(alert, kind=Kind.GROUP, labels={"device": "boiler-1"})
    page.open(link(config, group))
    eventually("it lists the series", lambda: page.text("#about-title") == "device=boiler-1")
    eventually("and says how they are", lambda: shown("open alert, of"))
    page.screenshot(folder / "group.png")
    page.run("[...document.querySelectorAll('#related a')].find(a => /pres/.test(a.text)).click()")
    eventually("one leads on", lambda: "pressure" in page.text("#about-title"))
    assert page.run("return document.activeElement.id") == "about-title"
    page.run("document.querySelector('#about p a').click()")
    eventually("it closes", lambda: page.run("return about.hidden"))
    page.open(f"{stack.url}/team/boiler/#series={'0' * 24}")
    eventually("one that is gone is told", lambda: shown("cannot be shown"))


def test_with_tokens_the_button_says_what_is_missing_and_works_with_one(
    window: Browser, tmp_path: Path
) -> None:
    """The token that shows the page also marks, and without it nothing is."""
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    (tokens / "people").write_text("s3cret")
    environ = {"ANOMALY_TOKEN_SECRET_DIR": str(tokens)}
    auth = {"auth": {"tokenSecretRef": {"name": "tokens"}}}
    with a_stack(tmp_path, environ, detection=DETECTION, ingest=auth) as stack:
        device = Device(lambda: stack.url, "level", headers={"Authorization": "Bearer s3cret"})
        device.warm_up()
        device.send(99)
        window.open(f"{stack.url}/")
        eventually("it asks", lambda: not window.run("return login.hidden"))
        window.run("token.value = 's3cret'; login.requestSubmit()")
        eventually("it shows", lambda: rows(window) == 1)
        button = "document.querySelector('#anomalies button')"
        window.run(f"{button}.click()")

        def marked() -> bool:
            return bool(window.run(f"return {button}.textContent") == "Undo: false alarm")

        eventually("it is marked", marked)
        window.run("sessionStorage.clear()")
        window.run(f"{button}.click()")
        said = lambda: window.text("#news") == "Not taken: a token is needed."  # noqa: E731
        eventually("it says why not", said)
        assert marked()


def test_a_group_of_alerts_and_those_that_are_not_shown_are_told(page: Browser) -> None:
    """Of many alerts the newest are listed; one of a group leads to what is in it."""
    found = {
        "open": 2,
        "alerts": [
            {
                "summary": "3 of 4 series of device=b:1 are anomalous at once",
                "series": "",
                "labels": {"device": "b:1"},
                "started": "2026-01-01T00:00:00Z",
                "anomalies": 1,
                "hush": "",
            }
        ],
    }
    page.run(
        "const [found] = arguments, usual = window.fetch;"
        "window.fetch = (path, ...more) => String(path).includes('alerts')"
        " ? Promise.resolve(Response.json(found)) : usual(path, ...more);",
        found,
    )
    eventually("it is told", lambda: "and 1 more" in page.text("#alerts"))
    href = page.run("return document.querySelector('#alerts a').getAttribute('href')")
    assert href == "#label=device%3Ab%3A1"


def test_a_redis_that_is_away_is_told_until_it_is_back(page: Browser, stack: Stack) -> None:
    """Rather than which question got no answer."""
    with stack.without_redis():
        eventually("it says so", lambda: page.text("#state").startswith("Redis is away: "))
    eventually("it is live again", lambda: page.text("#state") == "live")


def test_the_prefix_without_a_slash_leads_to_the_page(stack: Stack) -> None:
    """Relative, so that it works behind any proxy."""
    with urlopen(f"{stack.url}/team/boiler") as answer:
        assert answer.url == f"{stack.url}/team/boiler/"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_new_pipeline_says_what_it_waits_for(window: Browser, tmp_path: Path) -> None:
    """Samples, then anomalies; and a pod that is gone is told."""
    with a_stack(tmp_path) as stack:
        window.open(f"{stack.url}/")
        eventually("it waits", lambda: "No sample has come yet" in window.text("#nothing"))
        assert window.run("return list.hidden")
        Device(lambda: stack.url, "level").send(1)
        eventually("it has one", lambda: window.text("#nothing") == "No anomaly yet.")
        stack.pod.kill()
        lost = lambda: "trying again" in window.text("#state")  # noqa: E731
        eventually("it says so", lost)
        stack.pod.start()
        eventually("it is live", lambda: window.text("#state") == "live")


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    """The API stays."""
    with a_stack(tmp_path, page={"enabled": False}) as stack:
        with pytest.raises(HTTPError, match="404"):
            urlopen(Request(f"{stack.url}/"))
        with urlopen(f"{stack.url}/api/v1/alerts") as answer:
            assert json.load(answer) == {"open": 0, "alerts": []}
