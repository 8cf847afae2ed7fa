"""Topics: any name travels, and none can break out of its level."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bintally import topics
from bintally.errors import InputError, UsageError
from bintally.topics import Station

names = st.text(min_size=1, max_size=50)


@given(names)
def test_a_name_survives_the_way(name: str) -> None:
    assert topics.decode(topics.encode(name)) == name


@given(names)
def test_an_encoded_name_is_one_plain_level(name: str) -> None:
    assert re.fullmatch(r"([A-Za-z0-9._-]|%[0-9A-F]{2})+", topics.encode(name))


@given(names, names)
def test_different_names_have_different_levels(one: str, other: str) -> None:
    assert (topics.encode(one) == topics.encode(other)) == (one == other)


@given(names, names, st.sampled_from(["count", "state", "ack"]))
def test_a_topic_is_taken_apart_again(site: str, station: str, kind: topics.Kind) -> None:
    there = Station(site, station)
    assert topics.parse(there.topic(kind)) == (there, kind, None)


def test_topics_are_readable() -> None:
    assert Station("berlin 1", "pick/3").topic("count") == "bintally/v1/berlin%201/pick%2F3/count"
    assert topics.subscription("count") == "bintally/v1/+/+/count"
    assert topics.subscription("count", "+") == "bintally/v1/%2B/+/count"


@pytest.mark.parametrize("name", ["", "x" * 201, "é" * 101, "\udcff", "a\udc80b"])
def test_a_name_that_no_topic_can_hold_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="a name of a site, station or bin"):
        topics.encode(name)


@pytest.mark.parametrize("level", ["", "a b", "%", "%2", "%zz", "%61", "%2f", "ü", "%FF", "a+", "#", "x" * 201])
def test_a_level_that_encode_never_makes_is_refused(level: str) -> None:
    with pytest.raises(InputError, match="not a name as bintally encodes it"):
        topics.decode(level)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "bintally/v1",
        "bintally/v1/site/count",
        "bintally/v1/site/station/other",
        "bintally/v1/site/station/count/",
        "bintally/v1/site/station/count/more",
        "bintally/v2/site/station/count",
        "/bintally/v1/site/station",
        "bintally/v1//station/count",
        "bintally/v1/+/station/count",
        "$SYS/broker/clients/x/count",
    ],
)
def test_a_foreign_topic_is_refused(topic: str) -> None:
    with pytest.raises(InputError, match="topic"):
        topics.parse(topic)
