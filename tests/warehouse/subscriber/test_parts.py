"""The pure parts: reading, acknowledging, finding gaps."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bintally import topics
from bintally.messages import CountEvent, GapData, GapEvent, Health, Range, State, utc_now
from bintally.topics import Station
from tests.fakes.events import EPOCH, count_event
from warehouse.subscriber import Arrived, Gaps, Letter, Said
from warehouse.subscriber.acks import Acknowledger
from warehouse.subscriber.intake import read

STATION = Station("site", "station")
STATE = State(status="online", session=EPOCH, version="1", model=None)


def test_a_sites_topic_and_the_filters_are_what_the_design_says() -> None:
    assert topics.of_site("discrepancy", "a b") == "bintally/v1/a%20b/discrepancy"
    assert topics.of_site("discrepancy") == "bintally/v1/+/discrepancy"
    assert topics.shared("wms", topics.subscription("count")) == "$share/wms/bintally/v1/+/+/count"


def test_a_count_is_read_with_its_station() -> None:
    event = count_event()
    assert read(STATION.topic("count").encode(), event.model_dump_json().encode()) == Arrived(STATION, event)


def test_a_state_is_read_and_its_deletion_passed_over() -> None:
    topic = STATION.topic("state").encode()
    assert read(topic, STATE.model_dump_json().encode()) == Said(STATION, STATE)
    assert read(topic, b"") is None


def test_a_topic_that_is_no_text_is_kept_readable() -> None:
    letter = read(b"bintally/v1/\xff/s/count", b"x")
    assert isinstance(letter, Letter)
    assert letter.topic == r"bintally/v1/\xff/s/count"


def test_a_topic_that_nobody_asked_for_is_a_letter() -> None:
    letter = read(STATION.topic("ack").encode(), b"{}")
    assert isinstance(letter, Letter)
    assert "not one that a subscriber reads" in letter.reason


@given(st.one_of(st.binary(), st.sampled_from([STATION.topic("count").encode(), STATION.topic("health").encode()])), st.binary())
def test_whatever_comes_is_read_or_kept(topic: bytes, payload: bytes) -> None:
    found = read(topic, payload)
    assert found is None or isinstance(found, Arrived | Said | Letter)
    if isinstance(found, Letter):
        assert found.payload == payload
        assert found.reason
    elif isinstance(found, Said):
        assert isinstance(found.what, State | Health)


def test_each_station_gets_one_acknowledgement_with_the_fewest_ranges() -> None:
    numbers = [3, 1, 2, 2, 7]
    other = Station("site", "other")
    arrived = [Arrived(STATION, count_event(f"{EPOCH}-{number}")) for number in numbers] + [Arrived(other, count_event(f"{EPOCH}-1"))]
    acknowledger = Acknowledger()
    acks = dict(acknowledger.of(arrived))
    assert [(one.first, one.last) for one in acks[STATION].data.ranges] == [(1, 3), (7, 7)]
    assert [(one.first, one.last) for one in acks[other].data.ranges] == [(1, 1)]
    again = dict(acknowledger.of(arrived))
    assert len({ack.id for ack in (*acks.values(), *again.values())}) == 4


def _gap(number: int, ranges: list[Range]) -> GapEvent:
    return GapEvent(source="site/station", id=f"{EPOCH}-{number}", time=utc_now(), data=GapData(ranges=ranges, reason="age"))


def _numbers(ranges: list[Range], epoch: str) -> list[int]:
    return [number for one in ranges if one.epoch == epoch for number in range(one.first, one.last + 1)]


def test_gaps_are_what_a_set_of_numbers_says() -> None:
    chance = random.Random(11)  # noqa: S311 - no secret
    for _ in range(200):
        gaps = Gaps()
        came: set[int] = set()
        given_up: set[int] = set()
        for _ in range(chance.randint(1, 40)):
            number = chance.randint(1, 60)
            came.add(number)
            if chance.random() < 0.2:
                first = chance.randint(1, 60)
                last = chance.randint(first - 1, first + 6)  # one in eight names nothing
                given_up |= set(range(first, last + 1))
                gaps.take(
                    _gap(
                        number,
                        [Range(epoch=EPOCH, first=first, last=max(1, last))] if last >= first else [Range(epoch=EPOCH, first=9, last=8)],
                    )
                )
            else:
                gaps.take(count_event(f"{EPOCH}-{number}"))
            missing = [one for one in range(min(came), max(came) + 1) if one not in came | given_up]
            assert _numbers(gaps.missing("site/station"), EPOCH) == missing
        ranges = gaps.missing("site/station")
        assert all(one.last + 1 < two.first for one, two in pairwise(ranges))


def test_gaps_are_told_by_station_and_epoch_and_old_epochs_are_forgotten() -> None:
    gaps = Gaps()
    for epoch in range(40):
        for number in (1, 3):
            gaps.take(_of_epoch(f"{epoch:022x}", number))
    assert [one.epoch for one in gaps.missing("site/station")] == [f"{epoch:022x}" for epoch in range(24, 40)]
    assert gaps.missing("site/other") == []
    gaps.take(_of_epoch(f"{0:022x}", 9))
    assert f"{0:022x}" not in {one.epoch for one in gaps.missing("site/station")}


def _of_epoch(epoch: str, number: int) -> CountEvent:
    return count_event(f"{epoch}-{number}")
