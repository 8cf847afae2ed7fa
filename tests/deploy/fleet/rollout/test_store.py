"""The database, SQLite and PostgreSQL alike."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bintally.errors import InputError, UnavailableError, UsageError
from bintally.messages.model import Limits
from bintally.topics import Station
from deploy.fleet.rollout.advance import Become, Begin, Give, GiveBack, Note
from deploy.fleet.rollout.plan import AT_ONCE, Cohort, Rollout, Target
from deploy.fleet.rollout.store import LeaseLostError, Store
from deploy.fleet.rollout.tables import open_engine
from deploy.fleet.rollout.view import Tally
from tests.deploy.fleet.rollout.views import view
from tests.deploy.fleet.rollout.world import NEW, OLD, START, plan

BEFORE = Target(path="counter/1.0.0-cpu.onnx", model=OLD)
TARGET = Target(path="counter/2.0.0-cpu.onnx", model=NEW)
GIVE = Give("berlin/a", 0, TARGET, BEFORE, 41)


def begun(store: Store) -> Rollout:
    """A roll-out that gave its model to one station."""
    store.save([view("berlin/a"), view("berlin/b")])
    name = store.start(plan(), lambda _: None, "ann", START)
    cohort = Cohort(0, 10, START, {"berlin/a": Tally(counted=5), "berlin/b": Tally()})
    assert store.hold("one", START)
    assert store.apply(store.rollout(name), [Begin(cohort), GIVE], "one", START)
    return store.rollout(name)


def test_what_is_written_is_read(store: Store) -> None:
    rollout = begun(store)
    assert store.views() == {one.source: one for one in [view("berlin/a"), view("berlin/b")]}
    assert (rollout.plan, rollout.status, rollout.who, rollout.began_at) == (plan(), "running", "ann", START)
    assert rollout.cohort == Cohort(0, 10, START, {"berlin/a": Tally(counted=5), "berlin/b": Tally()})
    (given,) = rollout.given.values()
    assert (given.revision, given.digest, given.before, given.published_at, given.is_superseded) == (42, NEW.digest, BEFORE, None, False)


def test_a_desire_is_unsaid_until_the_broker_has_it_and_again_when_it_lost_it(store: Store) -> None:
    name = begun(store).id
    (one,) = store.unsaid()
    assert one.desired is not None
    assert (one.desired.revision, one.desired.station, one.desired.target, one.desired.rollout) == (42, "berlin/a", TARGET.path, name)
    store.said([("berlin/a", 42)], START + 5)
    assert store.unsaid() == []
    assert store.rollout(name).given["berlin/a"].published_at == START + 5
    store.said([("berlin/a", 42)], None)
    assert store.unsaid() == store.desires() == [one]


def test_revisions_only_grow_and_are_above_what_the_station_knows(store: Store) -> None:
    store.save([view("berlin/a")])
    above = [0, 0, 17, 3, 0]
    assert [store.give("berlin/a", TARGET, number, Limits(), "ann", START) for number in above] == [1, 2, 18, 19, 20]


def test_two_who_reserve_at_once_get_different_revisions(store: Store) -> None:
    store.save([view("berlin/a")])
    found: list[int] = []

    def reserve() -> None:
        for _ in range(10):
            found.append(store.give("berlin/a", TARGET, 0, Limits(), "ann", START))  # noqa: PERF401 - one at a time, to collide

    threads = [threading.Thread(target=reserve) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 31))


def test_the_way_back_is_a_larger_revision_that_is_obeyed_at_once(store: Store) -> None:
    rollout = begun(store)
    assert store.apply(rollout, [GiveBack(rollout.given["berlin/a"], 50), Become("halted", "bad")], "one", START + 1)
    (one,) = store.unsaid()
    assert one.desired is not None
    assert (one.revision, one.desired.target, one.desired.retry, one.desired.limits) == (51, BEFORE.path, True, AT_ONCE)
    assert store.rollout(rollout.id).given["berlin/a"].is_back


def test_without_a_way_back_the_desire_is_taken_back(store: Store) -> None:
    store.save([view("berlin/a")])
    name = store.start(plan(), lambda _: None, "ann", START)
    store.hold("one", START)
    store.apply(store.rollout(name), [Give("berlin/a", 0, TARGET, None, 0)], "one", START)
    store.apply(store.rollout(name), [GiveBack(store.rollout(name).given["berlin/a"], 0)], "one", START)
    assert [(one.revision, one.desired) for one in store.unsaid()] == [(2, None)]


def test_what_is_given_by_hand_leaves_the_rollout(store: Store) -> None:
    rollout = begun(store)
    assert store.give("berlin/a", BEFORE, 0, Limits(), "ann", START) == 43
    assert store.rollout(rollout.id).given["berlin/a"].is_superseded


def test_what_nobody_heard_of_a_rollout_that_is_aborted_is_not_said_afterwards(store: Store) -> None:
    store.save([view("berlin/a"), view("berlin/b", revision=0), view("berlin/c")])
    name = store.start(plan(), lambda _: None, "ann", START)
    store.hold("one", START)
    gives = [Give(f"berlin/{one}", 0, TARGET, BEFORE, 0) for one in "abc"]
    assert store.apply(store.rollout(name), [Begin(Cohort(0, 3, START, {})), *gives], "one", START)
    store.said([("berlin/a", 1)], START)
    store.save([view("berlin/b", revision=1)])  # it has it, though the broker's acknowledgement was lost
    store.order(name, "aborted", "ann", START + 1, allowed=("running",))
    assert [(one.source, one.revision, one.desired and one.desired.target) for one in store.unsaid()] == [
        ("berlin/b", 1, TARGET.path),
        ("berlin/c", 2, BEFORE.path),
    ]


def test_a_long_name_gives_an_id_that_fits(store: Store) -> None:
    assert len(store.start(plan(name="n" * 300), lambda _: None, "ann", START)) < 80


def test_the_longest_name_of_a_station_can_be_given_a_model(store: Store) -> None:
    longest = Station("倉" * 66, "庫" * 66).source
    assert store.give(longest, TARGET, 0, Limits(), "ann", START) == 1
    (one,) = store.unsaid()
    assert one.desired is not None
    assert one.desired.station == longest


def test_one_that_fails_halfway_changes_nothing(store: Store) -> None:
    rollout = begun(store)
    with pytest.raises(UnavailableError):
        store.apply(rollout, [Become("halted", "bad"), Begin(Cohort(0, 10, START, {}))], "one", START)  # the cohort is there
    assert store.rollout(rollout.id).status == "running"


def test_what_was_decided_on_old_ground_is_dropped(store: Store) -> None:
    rollout = begun(store)
    store.order(rollout.id, "paused", "ann", START, allowed=("running",))
    assert not store.apply(rollout, [Note("next")], "one", START)
    assert store.rollout(rollout.id).why == "paused by ann"


def test_two_controllers_exclude_each_other_until_the_lease_ends(store: Store) -> None:
    rollout = begun(store)
    assert not store.hold("two", START + 9)
    assert store.controller(START + 9) == "one"
    with pytest.raises(LeaseLostError):
        store.apply(rollout, [Note("mine")], "two", START + 9)
    assert store.hold("one", START + 9)
    assert not store.hold("two", START + 11)
    assert store.hold("two", START + 20)
    with pytest.raises(LeaseLostError):
        store.apply(rollout, [Note("mine")], "one", START + 20)
    store.let_go("one")
    assert store.controller(START + 20) == "two"
    store.let_go("two")
    assert store.controller(START + 20) is None


def test_labels_are_set_and_taken_away_also_of_a_station_that_was_not_heard(store: Store) -> None:
    assert store.label("berlin/z", {"ring": "early", "camera": "new"}, "ann", START) == {"ring": "early", "camera": "new"}
    assert store.label("berlin/z", {"camera": None}, "ann", START) == {"ring": "early"}
    store.save([view("berlin/z")])
    assert store.labels() == {"berlin/z": {"ring": "early"}}


def test_who_did_what_is_remembered(store: Store) -> None:
    rollout = begun(store)
    store.order(rollout.id, "paused", "ben", START + 1, allowed=("running",))
    assert [(one.at, one.who, one.what, one.detail) for one in store.audit()] == [
        (START + 1, "ben", "paused", rollout.id),
        (START, "one", "cohort", f"{rollout.id}: 1"),
        (START, "ann", "start", rollout.id),
    ]


def test_orders_that_make_no_sense_are_refused(store: Store) -> None:
    rollout = begun(store)
    with pytest.raises(UsageError, match="is running; only one that is paused can become running"):
        store.order(rollout.id, "running", "ann", START, allowed=("paused",))
    with pytest.raises(InputError, match=f"nothing: no such roll-out; the newest are {rollout.id}"):
        store.rollout("nothing")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("fleet.db", "not a database URL"),
        ("mysql://host/name", "mysql is not supported"),
        ("sqlite://", "cannot share an SQLite database in memory"),
    ],
)
def test_a_url_that_is_none_is_refused(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        open_engine(url)


def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be opened"):
        open_engine(f"sqlite:///{tmp_path}/no/such/folder/fleet.db")
    (tmp_path / "text.db").write_text("this is no database, but long enough to look into it " * 20)
    with pytest.raises(UnavailableError, match="cannot be opened"):
        open_engine(f"sqlite:///{tmp_path}/text.db")
