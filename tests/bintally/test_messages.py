"""Messages between stations and the warehouse."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bintally.errors import InputError
from bintally.messages import (
    AckData,
    AckEvent,
    CountData,
    CountEvent,
    ModelName,
    Range,
    new_epoch,
    parse_ack,
    parse_count,
    to_ranges,
    utc_now,
)

EPOCHS = ("0" * 22, "0" * 21 + "1", "f" * 22)
positions = st.sets(st.tuples(st.sampled_from(EPOCHS), st.integers(1, 60)))
names = st.text(min_size=1, max_size=50)
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001 - bounds are naive by contract
answers = st.one_of(
    st.integers(0, 12).map(lambda n: {"counted": n, "at_least": None, "unsure": False}),
    st.integers(1, 12).map(lambda n: {"counted": None, "at_least": n, "unsure": False}),
    st.just({"counted": None, "at_least": None, "unsure": True}),
)


@st.composite
def events(draw: st.DrawFn) -> CountEvent:
    shares = st.floats(0, 1)
    data = CountData(
        **draw(answers),
        confidence=draw(shares),
        probabilities=draw(st.lists(shares, min_size=2, max_size=7)),
        taken_at=draw(times),
        frame_ms=draw(st.floats(0, 1e6)),
        file=draw(st.none() | names),
        model=ModelName(name="m", version="1.0.0", digest="d"),
    )
    event_id = f"{draw(st.sampled_from(EPOCHS))}-{draw(st.integers(1, 10**18 - 1))}"
    return CountEvent(source="site/station", id=event_id, subject=draw(names), time=draw(times), data=data)


def fields() -> dict[str, Any]:
    """A good event as JSON gives it."""
    return {
        "specversion": "1.0",
        "type": "bintally.count.v1",
        "source": "site/station",
        "id": f"{EPOCHS[0]}-1",
        "subject": "bin",
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "counted": 3,
            "at_least": None,
            "unsure": False,
            "confidence": 0.9,
            "probabilities": [0.1, 0.9],
            "taken_at": "2026-01-01T00:00:00Z",
            "frame_ms": 1.5,
            "model": {"name": "m", "version": "1.0.0", "digest": "d"},
        },
    }


@given(positions)
def test_ranges_cover_exactly_the_positions(given_positions: set[tuple[str, int]]) -> None:
    ranges = to_ranges(given_positions)
    covered = [(one.epoch, number) for one in ranges for number in range(one.first, one.last + 1)]
    assert len(covered) == len(set(covered))
    assert set(covered) == given_positions


@given(positions)
def test_ranges_are_as_few_as_possible(given_positions: set[tuple[str, int]]) -> None:
    beginnings = sum((epoch, number - 1) not in given_positions for epoch, number in given_positions)
    assert len(to_ranges(given_positions)) == beginnings


def test_repeated_positions_are_named_once() -> None:
    assert to_ranges([(EPOCHS[0], 2), (EPOCHS[0], 1), (EPOCHS[0], 2)]) == [Range(epoch=EPOCHS[0], first=1, last=2)]


@given(events())
def test_an_event_survives_the_way(event: CountEvent) -> None:
    assert parse_count(event.model_dump_json().encode()) == event
    epoch, number = event.position
    assert f"{epoch}-{number}" == event.id


@given(positions)
def test_an_acknowledgement_survives_the_way(given_positions: set[tuple[str, int]]) -> None:
    ack = AckEvent(source="warehouse", id="x-1", time=utc_now(), data=AckData(ranges=to_ranges(given_positions)))
    assert parse_ack(ack.model_dump_json().encode()) == ack


def test_an_event_is_a_cloud_event() -> None:
    sent = json.loads(parse_count(json.dumps(fields()).encode()).model_dump_json())
    assert {"specversion", "type", "source", "id", "subject", "time", "datacontenttype", "data"} == set(sent)
    assert sent["specversion"] == "1.0"


def test_a_newer_sender_may_say_more() -> None:
    more = fields() | {"traceparent": "00-1-1-00"}
    more["data"]["exposure_ms"] = 4
    assert parse_count(json.dumps(more).encode()).data.counted == 3


@pytest.mark.parametrize(
    ("counted", "at_least", "unsure"), [(None, None, False), (3, 6, False), (3, None, True), (None, 6, True), (3, 6, True)]
)
def test_an_event_gives_exactly_one_answer(counted: int | None, at_least: int | None, unsure: bool) -> None:
    data = fields()["data"] | {"counted": counted, "at_least": at_least, "unsure": unsure}
    with pytest.raises(ValidationError, match="exactly one of counted, at_least and unsure must be given"):
        CountData.model_validate(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "1"),
        ("id", f"{EPOCHS[0]}-0"),
        ("id", f"{EPOCHS[0]}-01"),
        ("id", f"{EPOCHS[0]}-1\n"),
        ("id", f"{EPOCHS[2].upper()}-1"),
        ("id", f"{EPOCHS[0]}-{10**18}"),
        ("specversion", "0.3"),
        ("type", "bintally.gap.v1"),
        ("time", "2026-01-01T00:00:00"),
        ("subject", ""),
        ("data.confidence", 1.1),
        ("data.counted", -1),
        ("data.counted", "three"),
        ("data.at_least", 0),
        ("data.model", None),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    wrong = fields()
    outer, _, inner = field.partition(".")
    (wrong[outer] if inner else wrong)[inner or outer] = value
    with pytest.raises(InputError, match=f"not a CountEvent: {field}: "):
        parse_count(json.dumps(wrong).encode())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ["confidence", "frame_ms"])
def test_numbers_that_json_has_not_are_refused(field: str, number: str) -> None:
    wrong = fields()
    wrong["data"][field] = "@"
    with pytest.raises(InputError, match=field):
        parse_count(json.dumps(wrong).replace('"@"', number).encode())


@pytest.mark.parametrize("field", ["counted", "at_least"])
def test_counts_that_no_ledger_can_hold_are_refused(field: str) -> None:
    wrong = fields()
    wrong["data"] |= {"counted": None, "at_least": None, field: 10**30}
    with pytest.raises(InputError, match=field):
        parse_count(json.dumps(wrong).encode())


@pytest.mark.parametrize(("field", "length"), [("subject", 1000), ("file", 1025)])
def test_names_that_the_ledger_has_no_room_for_are_refused(field: str, length: int) -> None:
    wrong = fields()
    (wrong if field == "subject" else wrong["data"])[field] = "x" * length
    with pytest.raises(InputError, match=field):
        parse_count(json.dumps(wrong).encode())


@given(st.binary(max_size=60))
def test_no_payload_raises_anything_but_input_error(payload: bytes) -> None:
    for parse in (parse_count, parse_ack):
        with pytest.raises(InputError):
            parse(payload)


@pytest.mark.parametrize("one", [{"first": 0, "last": 2}, {"first": 1, "last": 10**18}, {"first": 1, "last": None}])
def test_an_acknowledgement_of_impossible_numbers_is_refused(one: dict[str, Any]) -> None:
    ack = {"source": "w", "id": "1", "time": "2026-01-01T00:00:00Z", "data": {"ranges": [{"epoch": EPOCHS[0], **one}]}}
    with pytest.raises(InputError, match=r"not a AckEvent: data\.ranges\.0"):
        parse_ack(json.dumps(ack).encode())


def test_epochs_are_ordered_by_time_and_never_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_700_000_000_000_000_000
    monkeypatch.setattr("bintally.messages.base.time.time_ns", lambda: now)
    same = [new_epoch() for _ in range(100)]
    assert len(set(same)) == 100
    now += 1_000_000
    assert min(new_epoch() for _ in range(10)) > max(same)
    Range(epoch=same[0], first=1, last=1)
