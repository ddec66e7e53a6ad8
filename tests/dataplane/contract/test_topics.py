"""Topic templates: what they subscribe to, what a topic says, what is none."""

from __future__ import annotations

import pytest

from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.contract.fields import InvalidConfig
from anomaly_dataplane.contract.topics import BadTemplate, Template, Topic


@pytest.mark.parametrize(
    ("template", "topic_filter", "topic", "says"),
    [
        ("a/{x}/{metric}", "a/+/+", "a/b/c", Topic("c", {"x": "b"})),
        ("/{site}/temp", "/+/temp", "/roof/temp", Topic("", {"site": "roof"})),
        ("a/+/{metric}", "a/+/+", "a/anything/m", Topic("m", {})),
        ("a/{x}/#", "a/+/#", "a/b/c/d", Topic("", {"x": "b"})),
        ("a/{x}/#", "a/+/#", "a/b", Topic("", {"x": "b"})),
        ("a.b/{metric}", "a.b/+", "a.b/m", Topic("m", {})),
        ("a/{metric}", "a/+", "a/m\n", Topic("m\n", {})),
    ],
)
def test_a_topic_says_what_its_template_names(
    template: str, topic_filter: str, topic: str, says: Topic
) -> None:
    read = Template(template)
    assert read.topic_filter == topic_filter
    assert read.match(topic) == says


@pytest.mark.parametrize("topic", ["a/b", "a/b/c/d", "x/b/c", "axb/c", ""])
def test_other_topics_say_nothing(topic: str) -> None:
    assert Template("a/{x}/{metric}").match(topic) is None


@pytest.mark.parametrize(
    "text", ["", "/", "#", "a/#/b", "a+/b", "a/{}", "a/{1x}", "$SYS/x", "{a}/{a}", "a//b", "a/b/"]
)
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(BadTemplate):
        Template(text)


@pytest.mark.parametrize(
    ("mqtt", "path"),
    [
        ({"broker": "b:1"}, "ingest.mqtt.topics"),
        ({"topics": ["a"]}, "ingest.mqtt.topics"),
        ({"broker": "b:1", "topics": ["a", "{x}/{x}"]}, "ingest.mqtt.topics[1]"),
        ({"broker": "nowhere", "topics": ["a"]}, "ingest.mqtt.broker"),
    ],
)
def test_a_config_that_would_not_work_names_the_field(mqtt: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidConfig) as invalid:
        parse({"ingest": {"mqtt": mqtt}})
    assert [error.path for error in invalid.value.errors] == [path]
