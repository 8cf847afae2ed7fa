"""The outbox: what is in it survives, and no event has two names."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.delivery.outbox import Outbox
from bintally.errors import UnavailableError, UsageError
from bintally.messages import CountEvent, Range, parse_count
from bintally.topics import Station
from tests.fakes.events import count_event

STATION = Station("site", "station")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox(tmp_path / "state", STATION)
    yield outbox
    outbox.close()


def _ids(outbox: Outbox) -> list[str]:
    return [f"{pending.epoch}-{pending.seq}" for pending in outbox.after(0, 1000)]


def test_events_survive_being_opened_again(tmp_path: Path) -> None:
    first = Outbox(tmp_path, STATION)
    sent = [first.add(count_event) for _ in range(3)]
    first.close()
    again = Outbox(tmp_path, STATION)
    assert [parse_count(pending.payload) for pending in again.after(0, 10)] == sent
    assert again.depth() == 3
    again.close()


def test_every_start_has_a_new_epoch_and_numbers_without_gaps(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        outbox = Outbox(tmp_path, STATION)
        names.append([outbox.add(count_event).position for _ in range(3)])
        assert {epoch for epoch, _ in names[-1]} == {outbox.epoch}
        outbox.close()
    assert [[number for _, number in run] for run in names] == [[1, 2, 3]] * 3
    assert len({run[0][0] for run in names}) == 3


def test_a_copied_back_outbox_gives_no_new_count_an_old_name(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "state", STATION)
    first.add(count_event)
    first.close()
    old = (tmp_path / "state" / "outbox.sqlite").read_bytes()
    second = Outbox(tmp_path / "state", STATION)
    lost = second.add(count_event)
    second.close()
    (tmp_path / "state" / "outbox.sqlite").write_bytes(old)
    third = Outbox(tmp_path / "state", STATION)
    assert third.add(count_event).id != lost.id
    assert lost.id not in _ids(third)
    third.close()


def test_only_one_agent_holds_an_outbox(outbox: Outbox, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="another agent uses this state folder; stop it or give this one its own --state-dir"):
        Outbox(tmp_path / "state", STATION)
    outbox.close()
    Outbox(tmp_path / "state", STATION).close()


def test_an_agent_that_was_killed_frees_its_outbox(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from agent.delivery.outbox import Outbox; from bintally.topics import Station;"
        "from tests.fakes.events import count_event;"
        "outbox = Outbox(Path(sys.argv[1]), Station('site', 'station')); outbox.add(count_event); os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).parents[3]
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=120, check=False, cwd=root)
    assert killed.returncode == -9
    outbox = Outbox(tmp_path, STATION)
    assert outbox.depth() == 1
    outbox.close()


def test_another_stations_outbox_is_refused_and_stays_free_for_its_owner(tmp_path: Path) -> None:
    Outbox(tmp_path, STATION).close()
    with pytest.raises(UsageError, match=r"holds the counts of station site/station, not of site/other; .*--state-dir") as refused:
        Outbox(tmp_path, Station("site", "other"))
    Outbox(tmp_path, STATION).close()
    assert refused.value.exit_code == 2


def test_nothing_is_kept_when_the_event_cannot_be_made(outbox: Outbox) -> None:
    def fail(_: str) -> CountEvent:
        raise ValueError("no event")

    outbox.add(count_event, "folder", "0.jpg")
    with pytest.raises(ValueError, match="no event"):
        outbox.add(fail, "folder", "1.jpg")
    assert outbox.depth() == 1
    assert not outbox.was_counted("folder", "1.jpg")
    assert outbox.add(count_event).position == (outbox.epoch, 2)


@pytest.mark.parametrize("table", ["event", "counted_file"])
def test_nothing_is_kept_when_the_database_fails_half_way(outbox: Outbox, tmp_path: Path, table: str) -> None:
    with sqlite3.connect(tmp_path / "state" / "outbox.sqlite") as other:
        other.execute(f"CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
    with pytest.raises(UnavailableError, match=r"outbox\.sqlite: the outbox cannot be used \(database or disk is full\); free disk space"):
        outbox.add(count_event, "folder", "1.jpg")
    assert outbox.depth() == 0
    assert not outbox.was_counted("folder", "1.jpg")
    with sqlite3.connect(tmp_path / "state" / "outbox.sqlite") as other:
        other.execute("DROP TRIGGER full")
    assert outbox.add(count_event, "folder", "1.jpg").position == (outbox.epoch, 1)
    assert outbox.was_counted("folder", "1.jpg")


def test_a_file_is_known_by_its_folder_and_name(outbox: Outbox) -> None:
    outbox.add(count_event, "a", "1.jpg")
    assert outbox.was_counted("a", "1.jpg")
    assert not outbox.was_counted("b", "1.jpg")
    assert not outbox.was_counted("a", "2.jpg")


def test_exactly_the_acknowledged_are_forgotten(outbox: Outbox) -> None:
    for _ in range(6):
        outbox.add(count_event)
    strange = Range(epoch="b" * 22, first=1, last=100)
    assert outbox.forget([Range(epoch=outbox.epoch, first=2, last=3), Range(epoch=outbox.epoch, first=6, last=10**17), strange]) == 3
    assert [pending.seq for pending in outbox.after(0, 10)] == [1, 4, 5]
    assert outbox.forget([Range(epoch=outbox.epoch, first=2, last=3)]) == 0
    assert outbox.add(count_event).position == (outbox.epoch, 7)


def test_events_are_read_oldest_first_behind_a_position(outbox: Outbox) -> None:
    for _ in range(5):
        outbox.add(count_event)
    first = outbox.after(0, 2)
    assert [pending.seq for pending in first] == [1, 2]
    assert [pending.seq for pending in outbox.after(first[-1].position, 2)] == [3, 4]
    assert outbox.after(0, 0) == []


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(UnavailableError, match="state: cannot make this folder"):
        Outbox(tmp_path / "state", STATION)
