"""When which event is published: a window, patience that doubles, and nothing lost whatever the network drops."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.delivery.outbox import Pending
from agent.delivery.window import FIRST_WAIT_S, MAX_WAIT_S, Delivery
from bintally.messages import Range
from tests.fakes.events import EPOCH


class Queue:
    """An outbox in memory."""

    def __init__(self, number: int) -> None:
        self.waiting = {seq: Pending(seq, EPOCH, seq, b"%d" % seq) for seq in range(1, number + 1)}

    def after(self, position: int, limit: int) -> list[Pending]:
        return [pending for at, pending in sorted(self.waiting.items()) if at > position][:limit]

    def forget(self, one: Range) -> None:
        for seq in range(one.first, one.last + 1):
            self.waiting.pop(seq, None)


def _seqs(pending: list[Pending]) -> list[int]:
    return [one.seq for one in pending]


def ack(first: int, last: int) -> Range:
    return Range(epoch=EPOCH, first=first, last=last)


def test_no_more_than_the_window_is_in_flight() -> None:
    delivery = Delivery(Queue(10).after, window=4)
    assert _seqs(delivery.due(0)) == [1, 2, 3, 4]
    assert delivery.due(1) == []
    delivery.acknowledged([ack(2, 3)])
    assert _seqs(delivery.due(2)) == [5, 6]
    assert delivery.due(3) == []


def test_what_nobody_acknowledges_is_sent_again_ever_more_rarely() -> None:
    delivery = Delivery(Queue(1).after)
    now, waits = 0.0, []
    assert _seqs(delivery.due(now)) == [1]
    for _ in range(9):
        due = delivery.next_due()
        assert due is not None
        assert delivery.due(due - 0.001) == []
        assert _seqs(delivery.due(due)) == [1]
        waits.append(due - now)
        now = due
    assert waits == [min(MAX_WAIT_S, FIRST_WAIT_S * 2**number) for number in range(9)]
    assert waits[-1] == MAX_WAIT_S


def test_a_new_connection_makes_all_that_was_sent_due_at_once_and_patient_anew() -> None:
    delivery = Delivery(Queue(5).after, window=3)
    delivery.due(0)
    delivery.due(FIRST_WAIT_S)
    delivery.connected()
    assert _seqs(delivery.due(11)) == [1, 2, 3]
    assert delivery.due(11) == []
    assert delivery.next_due() == 11 + FIRST_WAIT_S


def test_what_is_acknowledged_is_not_sent_again() -> None:
    delivery = Delivery(Queue(3).after)
    delivery.due(0)
    delivery.acknowledged([ack(1, 1), Range(epoch="b" * 22, first=1, last=99), ack(3, 1000)])
    delivery.connected()
    assert _seqs(delivery.due(1)) == [2]
    delivery.acknowledged([ack(2, 2)])
    assert delivery.next_due() is None
    delivery.connected()
    assert delivery.due(10**6) == []


def test_repetitions_go_oldest_first_before_new_events() -> None:
    queue = Queue(4)
    delivery = Delivery(queue.after, window=4)
    later = queue.waiting.pop(4)
    delivery.due(0)
    queue.waiting[4] = later
    assert _seqs(delivery.due(FIRST_WAIT_S)) == [1, 2, 3, 4]


steps = st.lists(st.tuples(st.sampled_from(["arrives", "message lost", "ack lost", "reconnect"]), st.integers(0, 400)), max_size=60)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(1, 8), steps)
def test_every_event_is_delivered_under_one_name_whatever_is_lost(number: int, window: int, network: list[tuple[str, int]]) -> None:
    queue = Queue(number)
    delivery = Delivery(queue.after, window)
    ledger: dict[tuple[str, int], bytes] = {}
    now = 0.0
    for fate, pause_s in network + [("reconnect", 0)] + [("arrives", 1)] * (number + 1):
        now += pause_s
        if fate == "reconnect":
            delivery.connected()
        sent = delivery.due(now)
        assert len(_seqs(sent)) == len(set(_seqs(sent))) <= window
        for pending in sent:
            if fate == "message lost":
                continue
            assert ledger.setdefault((pending.epoch, pending.seq), pending.payload) == pending.payload
            if fate != "ack lost":
                queue.forget(ack(pending.seq, pending.seq))
                delivery.acknowledged([ack(pending.seq, pending.seq)])
    assert ledger == {(EPOCH, seq): b"%d" % seq for seq in range(1, number + 1)}
    assert queue.waiting == {}
    assert delivery.next_due() is None
