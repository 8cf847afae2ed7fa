"""What the outbox gives up, in which order, and that it tells: never silently, and with no hole in the sequence."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.delivery import store
from agent.delivery.outbox import Outbox
from bintally.messages import CountEvent, GapEvent, Range, parse_event
from bintally.topics import Station
from tests.fakes.events import count_event

STATION = Station("site", "station")
SMALL_BYTES = 12_000  # about a dozen counts


class Clock:
    """Monotonic seconds that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _event(bin_name: str, event_id: str) -> CountEvent:
    return count_event(event_id).model_copy(update={"subject": bin_name})


def _add(outbox: Outbox, bin_name: str) -> CountEvent:
    return outbox.add(partial(_event, bin_name))


def _waiting(outbox: Outbox) -> list[CountEvent | GapEvent]:
    return [parse_event(pending.payload) for pending in outbox.after(-1, 100_000)]


def _gone(outbox: Outbox) -> set[tuple[str, int]]:
    """All that the waiting gaps name."""
    gaps = [event for event in _waiting(outbox) if isinstance(event, GapEvent)]
    return {(one.epoch, seq) for gap in gaps for one in gap.data.ranges for seq in range(one.first, one.last + 1)}


def test_superseded_counts_go_first_then_the_oldest_newest_states(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, STATION, max_bytes=SMALL_BYTES)
    quiet = [_add(outbox, name) for name in ("quiet-1", "quiet-2", "quiet-3")]
    busy = [_add(outbox, "busy") for _ in range(100)]
    waiting = {event.id for event in _waiting(outbox)}
    assert {event.id for event in quiet} <= waiting
    assert busy[-1].id in waiting
    assert outbox.size_bytes() <= SMALL_BYTES
    more = [_add(outbox, f"bin-{number}") for number in range(100)]
    waiting = {event.id for event in _waiting(outbox)}
    assert not {event.id for event in (*quiet, *busy)} & waiting
    kept = [event.id in waiting for event in more]
    assert kept == sorted(kept)
    assert kept[-1]
    outbox.close()


def test_gaps_of_a_reason_are_merged_and_stay_one_small_event(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, STATION, max_bytes=SMALL_BYTES)
    for _ in range(150):
        _add(outbox, "busy")
    gaps = [event for event in _waiting(outbox) if isinstance(event, GapEvent)]
    assert len(gaps) == 1
    assert gaps[0].data.reason == "size"
    assert len(gaps[0].data.ranges) <= outbox.depth()  # at most one between any two that wait
    outbox.close()


def test_a_gap_of_many_ranges_is_split_into_small_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_RANGES", 10)
    outbox = Outbox(tmp_path, STATION, max_bytes=40_000)
    for number in range(150):  # every second count is its bin's newest and stays between those that go
        _add(outbox, f"bin-{number}" if number % 2 and number < 60 else "busy")
    gaps = [event for event in _waiting(outbox) if isinstance(event, GapEvent)]
    assert len(gaps) > 1
    assert all(len(gap.data.ranges) <= 10 for gap in gaps)
    outbox.close()


def test_age_counts_in_the_agents_running_time_across_starts_and_no_clock_ages_anything(tmp_path: Path) -> None:
    clock = Clock()
    first = Outbox(tmp_path, STATION, max_age_s=100, clock=clock)
    old = _add(first, "a")
    clock.now += 60
    _add(first, "b")
    first.close()
    clock.now += 10**9  # months in a drawer
    second = Outbox(tmp_path, STATION, max_age_s=100, clock=clock)
    second.prune()
    assert second.oldest_s() == pytest.approx(60)
    assert second.depth() == 2
    clock.now += 41
    second.prune()
    waiting = _waiting(second)
    assert [type(event) for event in waiting] == [CountEvent, GapEvent]
    assert _gone(second) == {old.position}
    assert isinstance(waiting[-1], GapEvent)
    assert waiting[-1].data.reason == "age"
    second.close()


def test_what_is_given_up_leaves_the_window_but_not_the_states(tmp_path: Path) -> None:
    clock = Clock()
    outbox = Outbox(tmp_path, STATION, max_age_s=10, clock=clock)
    event = _add(outbox, "a")
    clock.now += 11
    outbox.prune()
    epoch, seq = event.position
    assert outbox.take_given_up() == [Range(epoch=epoch, first=seq, last=seq)]
    assert outbox.take_given_up() == []
    assert [parse_event(state.payload).id for state in outbox.states_after(-(2**62), 10)] == [event.id]
    outbox.close()


def test_many_at_once_are_all_committed_or_none(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, STATION)

    def fail(_: str) -> CountEvent:
        raise ValueError("no event")

    with pytest.raises(ValueError, match="no event"):
        outbox.add_all([count_event, count_event, fail])
    assert outbox.depth() == 0
    assert [event.position[1] for event in outbox.add_all([count_event] * 5)] == [1, 2, 3, 4, 5]
    assert outbox.depth() == 5
    outbox.close()


def test_states_are_the_newest_of_each_bin_and_outlive_their_acknowledgement(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, STATION)
    events = [_add(outbox, name) for name in ("a", "b", "a", "c", "b")]
    outbox.forget([Range(epoch=outbox.epoch, first=1, last=5)])
    outbox.close()
    again = Outbox(tmp_path, STATION)
    states = again.states_after(-(2**62), 10)
    assert [(state.bin, parse_event(state.payload).id) for state in states] == [(events[n].subject, events[n].id) for n in (2, 3, 4)]
    assert [state.bin for state in again.states_after(states[0].position, 1)] == ["c"]
    again.close()


class Policy(RuleBasedStateMachine):
    """The outbox against a model that knows every id ever given out and every one that was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.all: set[tuple[str, int]] = set()
        self.acknowledged: set[tuple[str, int]] = set()
        self.named: set[tuple[str, int]] = set()
        self.copy: Path | None = None
        self._open()

    def _open(self) -> None:
        self.outbox = Outbox(self.folder / "state", STATION, max_bytes=SMALL_BYTES, max_age_s=50, clock=self.clock)

    def _learn(self) -> None:
        """Gap events that were made are ids, too; what they name is gone."""
        self.all |= {(self.outbox.epoch, seq) for seq in range(1, self.outbox._file.totals.seq + 1)}
        self.named |= _gone(self.outbox)

    @rule(bin_name=st.sampled_from("abcdefghijklmnopqrst"), times=st.integers(1, 12))
    def count(self, bin_name: str, times: int) -> None:
        for event in self.outbox.add_all([partial(_event, bin_name)] * times):
            self.all.add(event.position)
        self._learn()
        newest = {parse_event(state.payload).position for state in self.outbox.states_after(-(2**62), 100)}
        waiting = {event.position for event in _waiting(self.outbox) if isinstance(event, CountEvent)}
        if newest & self.named:  # a newest state was given up, for size or for age: then no superseded one that is as old waits
            assert all(position in newest or position > max(newest & self.named) for position in waiting)

    @rule(first=st.integers(0, 30), number=st.integers(1, 30))
    def acknowledge(self, first: int, number: int) -> None:
        for pending in self.outbox.after(-1, 1000)[first : first + number]:
            self.acknowledged.add((pending.epoch, pending.seq))
            self.outbox.forget([Range(epoch=pending.epoch, first=pending.seq, last=pending.seq)])

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds
        self.outbox.prune()
        self._learn()

    @rule()
    def start_again(self) -> None:
        self.outbox.close()
        self._open()
        self._learn()

    @rule()
    def back_up(self) -> None:
        self.outbox.close()
        self.copy = self.folder / "copy.sqlite"
        shutil.copy(self.folder / "state" / "outbox.sqlite", self.copy)
        self._open()
        self._learn()

    @precondition(lambda self: self.copy is not None)
    @rule()
    def put_back(self) -> None:
        self.outbox.close()
        shutil.copy(self.copy or "", self.folder / "state" / "outbox.sqlite")
        self._open()
        self.named -= {event.position for event in _waiting(self.outbox)}  # given up after the copy was made, and here again
        self._learn()

    @invariant()
    def nothing_is_lost_without_a_gap(self) -> None:
        waiting = {event.position for event in _waiting(self.outbox)}
        assert self.all <= waiting | self.acknowledged | self.named

    @invariant()
    def no_gap_names_what_is_still_to_be_sent(self) -> None:
        waiting = {event.position for event in _waiting(self.outbox)}
        assert not waiting & _gone(self.outbox)

    @invariant()
    def it_is_as_large_as_it_says_and_not_larger_than_it_may(self) -> None:
        waiting = self.outbox.after(-1, 1000)
        assert self.outbox.depth() == len(waiting)
        assert self.outbox.size_bytes() == sum(len(pending.payload) + store.OVERHEAD_BYTES for pending in waiting)
        assert self.outbox.size_bytes() <= SMALL_BYTES

    def teardown(self) -> None:
        self.outbox.close()
        shutil.rmtree(self.folder)


TestPolicy = Policy.TestCase
TestPolicy.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
