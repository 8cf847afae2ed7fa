"""The desk: a command is executed at most once, and an accepted one is answered once."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.commands.desk import (
    MAX_OPEN,
    MAX_PAYLOAD_BYTES,
    MAX_REMEMBERED,
    MAX_REMEMBERED_BYTES,
    REMEMBER_PLAIN_S,
    REMEMBER_S,
    TIMEOUT_S,
    Desk,
    Order,
    Reply,
)
from agent.delivery.incoming import Incoming
from bintally.errors import UsageError
from bintally.messages import Recount, Set, parse_answer

SESSION = "a" * 22
WALL = datetime(2026, 11, 21, tzinfo=timezone.utc)
BINS = ("A1", "A2")


@pytest.fixture
def desk() -> Desk:
    return Desk(SESSION, lambda: ("A1",))


def command(name: str = "recount", correlation: bytes | None = b"1", topic: str | None = "replies", **arguments: Any) -> Incoming:
    payload = json.dumps(arguments).encode() if arguments else b""
    return Incoming("cmd", name, payload, response_topic=topic, correlation=correlation)


def told(replies: list[Reply]) -> list[tuple[str, str | None]]:
    return [(answer.status, answer.reason) for answer in (parse_answer(reply.payload) for reply in replies)]


def reason(replies: list[Reply]) -> str:
    [(status, why)] = told(replies)
    assert status == "rejected"
    assert why is not None
    return why


def test_a_command_is_accepted_then_handed_out_once_then_done(desk: Desk) -> None:
    accepted = desk.take(command(correlation=b"\x00\xff", expected=3), 0.0, WALL)
    assert told(accepted) == [("accepted", None)]
    assert [(reply.topic, reply.correlation) for reply in accepted] == [("replies", b"\x00\xff")]
    [order] = desk.orders(0.0, WALL)
    assert (order.name, order.command, order.region, order.bin) == ("recount", Recount(expected=3), 0, None)
    assert desk.orders(0.1, WALL) == []
    done = parse_answer(desk.done(order, {"id": "x"}, 1.0)[0].payload)
    assert (done.command, done.status, done.result, done.session) == ("recount", "done", {"id": "x"}, SESSION)
    assert desk.done(order, {}, 1.1) == desk.rejected(order, "late", 1.1) == []


def test_who_gives_no_response_topic_is_obeyed_without_a_word(desk: Desk) -> None:
    assert desk.take(command(topic=None, correlation=None), 0.0, WALL) == []
    [order] = desk.orders(0.0, WALL)
    assert desk.done(order, {}, 1.0) == []
    assert not desk.is_open(order)
    assert desk.take(command("dance", topic=None), 0.0, WALL) == []


def test_a_retained_command_is_rejected_even_where_it_repeats_one(desk: Desk) -> None:
    desk.take(command(), 0.0, WALL)
    assert "publish it without retain" in reason(desk.take(replace(command(), retained=True), 0.0, WALL))
    assert len(desk.orders(0.0, WALL)) == 1


@pytest.mark.parametrize(
    ("incoming", "why"),
    [
        (command("dance"), "there is no command 'dance'; there are recount, snapshot, identify, set"),
        (replace(command(), name=None), "there is no command ''"),
        (command(timeout_s=-1), "not a recount: timeout_s"),
        (command("snapshot", max_side_px="big"), "not a snapshot: max_side_px"),
        (command("identify", second=3), "not a identify: second: there is no such field"),
        (command("set", settings={"frame": 3}), "not a set: settings.frame"),
        (replace(command(), payload=b" " * MAX_PAYLOAD_BYTES + b"{}"), f"a command has {MAX_PAYLOAD_BYTES} at most"),
        (command(bin="B9"), "this station does not see 'B9'; it sees A1"),
        (command(bin="é" * 101), "1 to 200 bytes"),
        (command(bin="A\x00"), "no control characters"),
    ],
)
def test_a_command_that_cannot_be_obeyed_is_rejected_with_the_reason(desk: Desk, incoming: Incoming, why: str) -> None:
    assert why in reason(desk.take(incoming, 0.0, WALL))
    assert desk.orders(0.0, WALL) == []


def test_what_was_rejected_may_be_sent_again(desk: Desk) -> None:
    desk.take(command(timeout_s=-1), 0.0, WALL)
    assert told(desk.take(command(), 0.0, WALL)) == [("accepted", None)]


@pytest.mark.parametrize(
    "topic", ["", "a/+", "#", "a\0b", "$SYS/x", "bintally/v1/site/station/count", "bintally/v1/s/discrepancy", "x" * 65536]
)
def test_no_answer_goes_where_it_would_be_believed_or_break_the_connection(desk: Desk, topic: str) -> None:
    assert desk.take(command(topic=topic), 0.0, WALL) == []
    assert desk.orders(0.0, WALL) == []


def test_the_desk_takes_nothing_but_commands(desk: Desk) -> None:
    with pytest.raises(UsageError, match="commands only"):
        desk.take(Incoming("ack", None, b""), 0.0, WALL)


def test_a_message_expiry_counts_from_when_it_was_received(desk: Desk) -> None:
    message = replace(command(), received_at=10.0, expires_in_s=5.0)
    assert "had expired when it came" in reason(desk.take(message, 15.0, WALL))
    assert told(desk.take(message, 14.9, WALL)) == [("accepted", None)]
    assert desk.orders(15.0, WALL) == []
    assert reason(desk.expire(15.0, WALL)) == "it expired before its turn came"
    assert desk.expire(15.0, WALL) == []


@pytest.mark.parametrize("far", ["0001-01-01T00:00:00+23:59", "2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z"])
def test_a_time_of_day_that_has_passed_is_told_with_this_clocks(desk: Desk, far: str) -> None:
    assert "here it is 2026-11-21T00:00:00+00:00); check the clocks" in reason(desk.take(command(expires_at=far), 0.0, WALL))


def test_a_time_of_day_may_pass_while_it_waits(desk: Desk) -> None:
    desk.take(command(expires_at="2026-11-21T00:00:05Z"), 0.0, WALL)
    desk.take(command(correlation=b"2", expires_at="9999-12-31T23:59:59-23:59"), 0.0, WALL)
    later = WALL + timedelta(seconds=5)
    assert len(desk.orders(1.0, later)) == 1
    assert reason(desk.expire(1.0, later)) == "it expired before its turn came"


def test_a_recount_that_does_not_come_to_rest_is_rejected_in_its_time(desk: Desk) -> None:
    desk.take(command(timeout_s=7), 100.0, WALL)
    desk.take(command("snapshot", correlation=b"2"), 100.0, WALL)
    recount, snapshot = desk.orders(101.0, WALL)
    assert (recount.give_up_at, snapshot.give_up_at) == (107.0, 100.0 + TIMEOUT_S)
    assert desk.expire(106.9, WALL) == []
    assert "did not come to rest" in reason(desk.expire(107.0, WALL))
    assert desk.done(recount, {}, 107.1) == []
    assert "not done in time" in reason(desk.expire(100.0 + TIMEOUT_S, WALL))


def test_an_expiry_does_not_cut_short_what_runs(desk: Desk) -> None:
    desk.take(replace(command(timeout_s=20), expires_in_s=5.0), 0.0, WALL)
    [order] = desk.orders(1.0, WALL)
    assert desk.expire(6.0, WALL) == []
    assert told(desk.done(order, {}, 7.0)) == [("done", None)]


def test_a_repeat_is_told_the_last_answer_again_and_not_obeyed_again(desk: Desk) -> None:
    accepted = desk.take(command(), 0.0, WALL)
    assert desk.take(command(), 0.1, WALL) == accepted
    [order] = desk.orders(0.2, WALL)
    assert desk.take(command(), 0.3, WALL) == accepted
    done = desk.done(order, {"id": "x"}, 1.0)
    assert desk.take(command(), 0.9 + REMEMBER_S, WALL) == done
    assert desk.orders(0.9 + REMEMBER_S, WALL) == []
    assert told(desk.take(command(), 1.0 + REMEMBER_S, WALL)) == [("accepted", None)]


def test_correlation_data_names_one_command_only(desk: Desk) -> None:
    desk.take(command(), 0.0, WALL)
    assert "used for another command" in reason(desk.take(command("identify"), 0.0, WALL))
    assert told(desk.take(command("identify", topic="other"), 0.0, WALL)) == [("accepted", None)]


def test_without_correlation_data_only_the_latest_of_a_name_is_known_again(desk: Desk) -> None:
    few, many = (command("set", correlation=None, settings={"frames": frames}) for frames in (1, 9))
    for message in (few, few, many, few):
        assert told(desk.take(message, 0.0, WALL)) == [("accepted", None)]
    orders = desk.orders(0.0, WALL)
    assert [order.command.settings.frames for order in orders if isinstance(order.command, Set)] == [1, 9, 1]
    for order in reversed(orders):
        desk.done(order, {}, 0.0)
    assert told(desk.take(few, REMEMBER_PLAIN_S - 0.1, WALL)) == [("done", None)]
    assert told(desk.take(few, REMEMBER_PLAIN_S, WALL)) == [("accepted", None)]


def test_a_command_may_be_answered_after_a_later_one_of_its_name_was_forgotten(desk: Desk) -> None:
    for frames in (1, 9):
        desk.take(command("set", correlation=None, settings={"frames": frames}), 0.0, WALL)
    slow, quick = desk.orders(0.0, WALL)
    desk.done(quick, {}, 0.0)
    desk.expire(REMEMBER_PLAIN_S, WALL)
    assert told(desk.done(slow, {}, REMEMBER_PLAIN_S)) == [("done", None)]


def test_an_overfull_desk_says_so_and_takes_the_same_command_later(desk: Desk) -> None:
    for number in range(MAX_OPEN):
        assert told(desk.take(command("identify", correlation=b"%d" % number), 0.0, WALL)) == [("accepted", None)]
    assert reason(desk.take(command(correlation=b"late"), 0.0, WALL)) == f"{MAX_OPEN} commands wait already; send it again later"
    desk.done(desk.orders(0.0, WALL)[0], {}, 0.0)
    assert told(desk.take(command(correlation=b"late"), 0.0, WALL)) == [("accepted", None)]


def test_what_is_remembered_is_bounded_in_number_and_bytes_and_in_time(desk: Desk) -> None:
    def obey(correlation: bytes, result: dict[str, Any]) -> list[Reply]:
        desk.take(command("snapshot", correlation=correlation), 0.0, WALL)
        return desk.done(desk.orders(0.0, WALL)[0], result, 0.0)

    for number in range(MAX_REMEMBERED + 5):
        last = obey(b"%d" % number, {})
    assert len(desk._known) == MAX_REMEMBERED
    assert desk.take(command("snapshot", correlation=b"%d" % (MAX_REMEMBERED + 4)), 0.0, WALL) == last
    large = {"jpeg": "x" * (MAX_REMEMBERED_BYTES // 4)}
    for number in range(6):
        obey(b"large %d" % number, large)
    assert len(desk._known) == 3
    desk.expire(REMEMBER_S, WALL)
    assert len(desk._known) == 0


@pytest.mark.parametrize(
    ("bins", "named", "found"),
    [
        (("A1",), None, (0, None)),
        ((None,), None, (0, None)),
        ((None,), "B7", (0, "B7")),
        (BINS, "A2", (1, "A2")),
        (("A1", None), "A1", (0, "A1")),
        (BINS, None, "say which; this station sees A1, A2"),
        (BINS, "B7", "does not see 'B7'; it sees A1, A2"),
        (("A1", None), "B7", "does not see 'B7'; it sees A1, one without a fixed name"),
        ((), None, "say which; this station sees none yet"),
    ],
)
def test_which_bin_a_recount_means(bins: tuple[str | None, ...], named: str | None, found: tuple[int, str | None] | str) -> None:
    desk = Desk(SESSION, lambda: bins)
    replies = desk.take(command(bin=named), 0.0, WALL)
    if isinstance(found, str):
        assert found in reason(replies)
    else:
        [order] = desk.orders(0.0, WALL)
        assert (order.region, order.bin) == found


def test_a_region_is_recounted_for_one_command_at_a_time() -> None:
    desk = Desk(SESSION, lambda: BINS)
    for number, name in enumerate(("A1", "A1", "A2")):
        desk.take(command(correlation=b"%d" % number, bin=name), 0.0, WALL)
    first, other = desk.orders(0.0, WALL)
    assert (first.number, other.number) == (1, 3)
    assert desk.orders(0.1, WALL) == []
    desk.done(first, {}, 1.0)
    assert [order.number for order in desk.orders(1.0, WALL)] == [2]


def test_a_foreign_order_changes_nothing(desk: Desk) -> None:
    desk.take(command(), 0.0, WALL)
    [order] = desk.orders(0.0, WALL)
    for foreign in (replace(order), replace(order, number=99)):
        assert desk.done(foreign, {}, 0.0) == []
    assert desk.is_open(order)


class DeskMachine(RuleBasedStateMachine):
    """A desk under any sequence of calls, beside a plain record of what was said and handed out."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(SESSION, lambda: BINS)
        self.now, self.wall = 0.0, WALL
        self.accepted: Counter[bytes] = Counter()
        self.answered: Counter[bytes] = Counter()
        self.handed_out: list[Order] = []
        self.correlations: list[bytes] = []

    def _count(self, replies: list[Reply]) -> None:
        for reply in replies:
            assert reply.correlation is not None
            assert parse_answer(reply.payload).status != "accepted"
            self.answered[reply.correlation] += 1

    @rule(
        number=st.integers(0, 60),
        bin_name=st.sampled_from((*BINS, "B9")),
        timeout_s=st.floats(0.5, 10),
        expires_in_s=st.none() | st.floats(0, 10),
        until_s=st.none() | st.integers(-2, 10),
        retained=st.sampled_from((False,) * 9 + (True,)),
    )
    def take(self, number: int, bin_name: str, timeout_s: float, expires_in_s: float | None, until_s: int | None, retained: bool) -> None:
        until = {} if until_s is None else {"expires_at": (self.wall + timedelta(seconds=until_s)).isoformat()}
        message = replace(
            command(correlation=b"%d" % number, bin=bin_name, timeout_s=timeout_s, **until),
            received_at=self.now,
            expires_in_s=expires_in_s,
            retained=retained,
        )
        before = len(self.desk._open)
        [(status, _)] = told(self.desk.take(message, self.now, self.wall))
        if len(self.desk._open) > before:
            assert status == "accepted"
            assert not retained
            assert bin_name in BINS
            assert until_s is None or until_s > 0
            assert expires_in_s is None or expires_in_s > 0
            self.accepted[b"%d" % number] += 1

    @rule()
    def hand_out(self) -> None:
        self.handed_out += self.desk.orders(self.now, self.wall)

    @rule(data=st.data(), done=st.booleans())
    def answer(self, data: st.DataObject, done: bool) -> None:
        if self.handed_out:
            order = data.draw(st.sampled_from(self.handed_out))
            self._count(self.desk.done(order, {}, self.now) if done else self.desk.rejected(order, "no", self.now))

    @rule(seconds=st.floats(0, 8))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.wall += timedelta(seconds=seconds)
        self._count(self.desk.expire(self.now, self.wall))

    @rule(seconds=st.floats(-1e6, 1e6))
    def step_the_clock(self, seconds: float) -> None:
        self.wall = WALL + timedelta(seconds=seconds)

    @invariant()
    def every_order_is_handed_out_once(self) -> None:
        numbers = [order.number for order in self.handed_out]
        assert len(numbers) == len(set(numbers))
        running = [order.region for order in self.handed_out if self.desk.is_open(order)]
        assert len(running) == len(set(running))

    @invariant()
    def what_is_accepted_is_open_or_was_answered_once(self) -> None:
        still_open = Counter(case.correlation for case in self.desk._open.values())
        assert sum(still_open.values()) <= MAX_OPEN
        assert self.accepted == self.answered + still_open
        assert max(self.accepted.values(), default=0) <= 1 + int(self.now / REMEMBER_S)

    def teardown(self) -> None:
        self.now += 20
        self._count(self.desk.expire(self.now, self.wall))
        assert self.accepted == self.answered
        assert not self.desk._open


TestDeskMachine = DeskMachine.TestCase
TestDeskMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
