"""The state machine: its rules one by one, and that no sequence of events and power cuts breaks what docs/fleet.md promises."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.updater import machine as m
from agent.updater.record import RESTFUL, Record, Slot, parse_record
from bintally.errors import InputError
from bintally.messages.base import ModelName
from bintally.messages.model import Limits, ModelDesired

SHIPPED = "f" * 64
START = datetime(2026, 3, 1, tzinfo=timezone.utc)
BUSY = ("waiting", "downloading", "verified", "warming", "shadow", "probation")


def model(number: int) -> ModelName:
    return ModelName(name="counter", version=f"{number}.0.0", digest=f"{number:064x}")


def desire(revision: int, number: int = 1, **fields: object) -> ModelDesired:
    values = {"revision": revision, "station": "berlin/pick-3", "model": model(number), "target": f"counter/{number}.0.0-cpu.onnx"}
    return ModelDesired.model_validate(values | {"issued_at": START} | fields)


def after(*events: m.Event, record: Record | None = None) -> Record:
    record = record or Record()
    for event in events:
        record = m.advance(record, event)
    return record


def way(number: int) -> tuple[m.Event, ...]:
    """All that happens between a desire and the switch."""
    return (m.Begun(), m.Fetched(), m.Installed(), m.Opening(), m.Warmed(), m.Switched(model(number).digest))


ACTIVE = after(m.Started(), m.Desired(desire(1), SHIPPED), *way(1), m.Proven(model(1).digest))
"""The first bundle is active, in slot a."""
ON_TRIAL = after(m.Desired(desire(2, 2), SHIPPED), *way(2), record=ACTIVE)
"""The second one is in probation, in slot b."""


def test_an_update_goes_through_all_phases() -> None:
    record, phases = Record(), []
    for event in (m.Started(), m.Desired(desire(1), SHIPPED), *way(1), m.Proven(model(1).digest)):
        record = m.advance(record, event)
        phases.append(record.phase)
    assert phases == ["idle", "waiting", "downloading", "downloading", "verified", "warming", "shadow", "probation", "active"]
    assert (record.active, record.a, record.b, record.revision) == ("a", model(1), None, 1)


def test_the_next_one_goes_into_the_other_slot_and_back() -> None:
    assert (ON_TRIAL.active, ON_TRIAL.trial, ON_TRIAL.running_slot()) == ("a", "b", "b")
    proven = after(m.Proven(model(2).digest), record=ON_TRIAL)
    assert (proven.active, proven.a, proven.b) == ("b", model(1), model(2))
    third = after(m.Desired(desire(3, 3), SHIPPED), *way(3), record=proven)
    assert (third.active, third.trial, third.a) == ("b", "a", model(3))


def test_a_worse_bundle_is_left_and_never_taken_again() -> None:
    back = after(m.Worse(model(2).digest, "too slow"), record=ON_TRIAL)
    assert (back.phase, back.reason, back.running_slot(), back.b) == ("rolled_back", "too slow", "a", None)
    again = after(m.Desired(desire(3, 2), SHIPPED), record=back)
    assert again.phase == "rolled_back"
    assert again.rejected is not None
    assert "too slow" in again.rejected.reason
    assert again.revision == 3


def test_retry_lifts_that() -> None:
    back = after(m.Worse(model(2).digest, "too slow"), record=ON_TRIAL)
    again = after(m.Desired(desire(3, 2, retry=True), SHIPPED), record=back)
    assert (again.phase, again.rejected, again.refused) == ("waiting", None, ())


def test_an_older_revision_is_told_and_the_same_one_is_not() -> None:
    assert m.objection(ON_TRIAL, desire(1)) is not None
    assert m.objection(ON_TRIAL, desire(2)) is None
    for revision in (1, 2):
        assert m.advance(ON_TRIAL, m.Desired(desire(revision, 3))) is ON_TRIAL


def test_what_does_not_fit_changes_nothing_but_the_revision() -> None:
    record = after(m.Desired(desire(3, 3), None, "made for arm"), record=ON_TRIAL)
    assert record.rejected is not None
    assert record.rejected.reason == "made for arm"
    assert record.model_copy(update={"rejected": None, "revision": 2}) == ON_TRIAL


def test_what_counts_already_is_active_at_once() -> None:
    assert after(m.Desired(desire(1), model(1).digest)).phase == "active"
    assert after(m.Desired(desire(2, 1), SHIPPED), record=ACTIVE).phase == "active"


def test_the_operator_takes_a_probation_back_at_once() -> None:
    record = after(m.Desired(desire(3, 1), SHIPPED), record=ON_TRIAL)
    assert (record.phase, record.running_slot(), record.refused) == ("active", "a", ())


def test_the_operator_takes_a_probation_back_to_what_was_shipped_without_a_download() -> None:
    first = after(m.Desired(desire(1), SHIPPED), *way(1))
    record = after(m.Desired(desire(2, 2), model(2).digest), record=first)
    assert (record.phase, record.running_slot(), record.refused) == ("active", None, ())


def test_another_desire_ends_a_probation() -> None:
    record = after(m.Desired(desire(3, 3), SHIPPED), record=ON_TRIAL)
    assert (record.phase, record.running_slot(), record.b) == ("waiting", "a", None)


def test_the_same_bundle_under_other_limits_goes_on() -> None:
    record = after(m.Desired(desire(3, 2, limits=Limits(probation_s=5)), SHIPPED), record=ON_TRIAL)
    assert (record.phase, record.trial, record.revision) == ("probation", "b", 3)
    assert record.wanted is not None
    assert record.wanted.limits.probation_s == 5


@pytest.mark.parametrize("events", range(1, 6))
def test_a_desire_that_is_taken_back_before_the_switch_leaves_no_trace(events: int) -> None:
    record = after(m.Desired(desire(2, 2), SHIPPED), *way(2)[:events], m.TakenBack(), record=ACTIVE)
    assert (record.phase, record.running_slot(), record.b) == ("idle", "a", None)


def test_what_runs_runs_on_when_it_is_taken_back() -> None:
    assert m.advance(ON_TRIAL, m.TakenBack()) is ON_TRIAL
    assert m.advance(ACTIVE, m.TakenBack()) is ACTIVE


def test_too_many_unclean_starts_in_probation_go_back_before_anything_is_opened() -> None:
    once = after(m.Started(), record=ON_TRIAL)
    assert (once.phase, once.crashes) == ("probation", 1)
    twice = after(m.Started(), record=once)
    assert (twice.phase, twice.running_slot()) == ("rolled_back", "a")
    assert twice.refusal(model(2).digest) is not None


def test_clean_starts_in_probation_are_no_crashes() -> None:
    record = ON_TRIAL
    for _ in range(5):
        record = after(m.Stopped(), m.Started(), record=record)
    assert (record.phase, record.crashes) == ("probation", 0)


def test_a_bundle_that_ends_the_agent_in_its_shadow_run_is_not_tried_for_ever() -> None:
    record = after(m.Desired(desire(2, 2), SHIPPED), record=ACTIVE)
    starts = 0
    while record.phase != "failed" and starts < 10:
        record, starts = after(*way(2)[:-1], m.Started(), record=record), starts + 1
    assert starts == 2
    assert record.refusal(model(2).digest) is not None


def test_a_cut_while_warming_is_no_crash() -> None:
    record = after(m.Desired(desire(2, 2), SHIPPED), *way(2)[:4], record=ACTIVE)
    for _ in range(10):
        record = after(m.Started(), m.Opening(), record=record)
    assert (record.phase, record.crashes) == ("warming", 0)


def test_a_full_disk_is_not_held_against_the_bundle() -> None:
    record = after(m.Desired(desire(2, 2), SHIPPED), *way(2)[:4], m.Failed(model(2).digest, "disk full", remember=False), record=ACTIVE)
    assert (record.phase, record.refused, record.b) == ("failed", (), None)


def test_a_damaged_bundle_is_fetched_again_and_the_one_before_it_counts() -> None:
    proven = after(m.Proven(model(2).digest), record=ON_TRIAL)
    record = after(m.Damaged("b"), record=proven)
    assert (record.phase, record.running_slot(), record.b) == ("waiting", "a", None)
    record = after(m.Damaged("a"), record=record)
    assert (record.phase, record.running_slot()) == ("waiting", None)
    assert after(*way(2), m.Proven(model(2).digest), record=record).phase == "active"


def test_nothing_falls_back_to_what_is_still_on_trial() -> None:
    untried = after(m.Desired(desire(2, 2), SHIPPED), *way(2)[:3], m.Damaged("a"), record=ACTIVE)
    assert untried.running_slot() is None


def test_the_name_of_a_slot_goes_before_its_file_is_replaced() -> None:
    proven = after(m.Proven(model(2).digest), record=ON_TRIAL)
    record = after(m.Desired(desire(3, 3), SHIPPED), m.Begun(), record=proven)
    assert record.a == model(1)
    assert m.advance(record, m.Fetched()).a is None


def test_words_about_another_bundle_change_nothing() -> None:
    for event in (m.Worse(model(1).digest, "late"), m.Proven(model(3).digest), m.Failed(model(2).digest, "late"), m.Installed()):
        assert m.advance(ON_TRIAL, event) is ON_TRIAL


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "record"),
        ("{", "record"),
        ("[]", "record"),
        ('{"schema": 2}', "schema"),
        ('{"schema": 1, "active": "a"}', "slot a is empty"),
        ('{"schema": 1, "phase": "probation"}', "trial"),
        ('{"schema": 1, "phase": "shadow"}', "of nothing"),
        ('{"schema": 1, "revision": -1}', "revision"),
    ],
)
def test_a_record_that_cannot_be_is_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_record(text.encode())


def test_a_record_survives_the_disk() -> None:
    for record in (Record(), ACTIVE, ON_TRIAL, after(m.Worse(model(2).digest, "x"), record=ON_TRIAL)):
        assert parse_record(record.model_dump_json(by_alias=True).encode()) == record


NUMBERS = st.integers(1, 4)
SLOTS = st.sampled_from(["a", "b"])


class Station(RuleBasedStateMachine):
    """A record, and a disk that a plain dictionary stands for: what is in each slot's file, and in the part."""

    def __init__(self) -> None:
        super().__init__()
        self.record = Record()
        self.files: dict[Slot, str] = {"a": "junk", "b": "junk"}
        self.part: str | None = None
        self.barred: set[str] = set()
        self.seen = 0

    def happens(self, event: m.Event) -> None:
        before = self.record
        self.record = m.advance(self.record, event)
        self.barred |= {entry.digest for entry in self.record.refused}
        assert self.record.revision >= before.revision

    @initialize()
    def begins(self) -> None:
        self.happens(m.Started())

    @rule(number=NUMBERS, ahead=st.integers(-2, 2), retry=st.booleans(), unfit=st.sampled_from([None, None, None, "no"]))
    def desired(self, number: int, ahead: int, retry: bool, unfit: str | None) -> None:
        wish = desire(max(1, self.record.revision + ahead), number, retry=retry)
        obeyed = wish.revision > self.record.revision and unfit is None
        if obeyed and retry:
            self.barred.discard(wish.model.digest)
        self.happens(m.Desired(wish, SHIPPED, unfit))

    @rule()
    def taken_back(self) -> None:
        self.happens(m.TakenBack())

    @rule(event=st.sampled_from([m.Held("night"), m.Begun(), m.Unfit("gone"), m.Wrong("wrong digest"), m.Opening(), m.Warmed()]))
    def any_step(self, event: m.Event) -> None:
        if isinstance(event, m.Opening) and self.record.phase == "verified":
            slot = m.free_slot(self.record)
            model_there = self.record.slot(slot)
            if model_there is None or self.files[slot] != model_there.digest:
                event = m.Damaged(slot)
        self.happens(event)

    @precondition(lambda self: self.record.phase == "downloading")
    @rule(cut=st.sampled_from(["before the record", "before the rename", "after the rename", "never"]))
    def installs(self, cut: str) -> None:
        assert self.record.wanted is not None
        digest, slot = self.record.wanted.model.digest, m.free_slot(self.record)
        assert slot != self.record.running_slot()
        if cut != "before the record":
            self.happens(m.Fetched())
            if cut != "before the rename":
                self.files[slot] = digest
                if cut == "never":
                    self.happens(m.Installed())
        if cut != "never":
            self.happens(m.Started())

    @rule(event=st.sampled_from([m.Failed, m.Switched, m.Proven, m.Worse]), number=NUMBERS, ours=st.booleans())
    def told_by_the_loop(self, event: type, number: int, ours: bool) -> None:
        wanted = self.record.wanted
        digest = wanted.model.digest if ours and wanted is not None else model(number).digest
        self.happens(event(digest, "bad") if event in (m.Failed, m.Worse) else event(digest))

    @rule(clean=st.booleans())
    def starts_again(self, clean: bool) -> None:
        if clean:
            self.happens(m.Stopped())
        self.happens(m.Started())

    @rule(slot=SLOTS)
    def a_file_is_damaged(self, slot: Slot) -> None:
        self.files[slot] = "junk"

    @invariant()
    def what_starts_next_is_whole_and_named(self) -> None:
        record = self.record
        while (slot := record.running_slot()) is not None:
            there = record.slot(slot)
            assert there is not None
            if self.files[slot] == there.digest:
                assert there.digest not in self.barred
                break
            record = m.advance(record, m.Damaged(slot))

    @invariant()
    def a_refused_bundle_is_nowhere_without_a_retry(self) -> None:
        for there in (self.record.a, self.record.b):
            assert there is None or there.digest not in self.barred

    @invariant()
    def the_record_can_be_read_back(self) -> None:
        assert parse_record(self.record.model_dump_json(by_alias=True).encode()) == self.record

    @invariant()
    def an_end_can_be_reached(self) -> None:
        record = self.record
        for event in (m.Begun(), m.Fetched(), m.Installed(), m.Opening(), m.Warmed()):
            record = m.advance(record, event)
        if record.wanted is not None and record.phase not in RESTFUL:
            digest = record.wanted.model.digest
            good = after(m.Switched(digest), m.Proven(digest), record=record)
            assert good.phase == "active"
            assert good.active is not None
            assert good.slot(good.active) == record.wanted.model
            assert after(m.Switched(digest), m.Worse(digest, "bad"), record=record).phase == "rolled_back"


TestStation = Station.TestCase
TestStation.settings = settings(max_examples=40, stateful_step_count=40, deadline=None, derandomize=True)
