"""Files that were damaged, put back from a copy, or found no space: what is lost is told, and nothing else is lost."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from agent.delivery.outbox import Outbox
from bintally.errors import UnavailableError
from bintally.messages import CountEvent, GapData, GapEvent, Range, parse_event
from bintally.topics import Station
from tests.fakes.events import count_event

STATION = Station("site", "station")
ROOT = Path(__file__).parents[3]


def _waiting(outbox: Outbox) -> list[CountEvent | GapEvent]:
    return [parse_event(pending.payload) for pending in outbox.after(-1, 10_000)]


def _gap(outbox: Outbox) -> GapData:
    """The only gap that waits."""
    (gap,) = [event for event in _waiting(outbox) if isinstance(event, GapEvent)]
    return gap.data


def _filled(folder: Path, number: int) -> str:
    """An outbox of some events that was closed; returns its epoch."""
    outbox = Outbox(folder, STATION)
    for _ in range(number):
        outbox.add(count_event)
    outbox.close()
    return outbox.epoch


def _aside(folder: Path) -> list[Path]:
    return sorted(folder.glob("outbox.sqlite.damaged-*"))


def test_what_was_committed_after_a_copy_that_is_put_back_is_told(tmp_path: Path) -> None:
    first = _filled(tmp_path, 3)
    shutil.copy(tmp_path / "outbox.sqlite", tmp_path / "copy")
    second = _filled(tmp_path, 2)
    third = _filled(tmp_path, 4)
    shutil.copy(tmp_path / "copy", tmp_path / "outbox.sqlite")
    for _ in range(2):  # told once, and again for as long as nobody acknowledged it
        outbox = Outbox(tmp_path, STATION)
        assert [event.position for event in _waiting(outbox)][:3] == [(first, seq) for seq in (1, 2, 3)]
        assert _gap(outbox) == GapData(
            ranges=[Range(epoch=second, first=1, last=2), Range(epoch=third, first=1, last=4)], reason="restored"
        )
        outbox.close()


def test_a_copy_taken_in_the_middle_of_a_run_loses_what_a_killed_agent_committed_after_it(tmp_path: Path) -> None:
    code = (
        "import os, shutil, sys; from pathlib import Path; from agent.delivery.outbox import Outbox; from bintally.topics import Station;"
        "from tests.fakes.events import count_event; folder = Path(sys.argv[1]);"
        "outbox = Outbox(folder, Station('site', 'station')); [outbox.add(count_event) for _ in range(5)];"
        "outbox._file._db.execute('PRAGMA wal_checkpoint(TRUNCATE)'); shutil.copy(folder / 'outbox.sqlite', folder / 'copy');"
        "[outbox.add(count_event) for _ in range(7)]; print(outbox.epoch, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=120, check=False, cwd=ROOT, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    (tmp_path / "outbox.sqlite-wal").unlink()
    shutil.copy(tmp_path / "copy", tmp_path / "outbox.sqlite")
    outbox = Outbox(tmp_path, STATION)
    assert _gap(outbox).ranges == [Range(epoch=killed.stdout.strip(), first=6, last=12)]
    outbox.close()


def test_nothing_is_told_when_nothing_is_missing_and_marks_do_not_pile_up(tmp_path: Path) -> None:
    for number in (0, 3, 2):
        _filled(tmp_path, number)
    outbox = Outbox(tmp_path, STATION)
    assert all(isinstance(event, CountEvent) for event in _waiting(outbox))
    assert len(list((tmp_path / "marks").iterdir())) == 4
    outbox.forget([Range(epoch=event.position[0], first=1, last=10) for event in _waiting(outbox)])
    outbox.prune()
    assert [path.name for path in (tmp_path / "marks").iterdir()] == [outbox.epoch]
    outbox.close()


def test_an_empty_or_missing_database_is_told_by_its_marks(tmp_path: Path) -> None:
    epoch = _filled(tmp_path, 3)
    (tmp_path / "outbox.sqlite").unlink()
    outbox = Outbox(tmp_path, STATION)
    assert _gap(outbox) == GapData(ranges=[Range(epoch=epoch, first=1, last=3)], reason="restored")
    outbox.close()


@pytest.mark.parametrize("damage", ["text", "truncated", "flipped pages"])
def test_a_damaged_file_is_moved_aside_and_what_it_held_is_told(tmp_path: Path, damage: str) -> None:
    epoch = _filled(tmp_path, 40)
    path = tmp_path / "outbox.sqlite"
    content = bytearray(path.read_bytes())
    if damage == "text":
        content[:] = b"this is no database" * 100
    elif damage == "truncated":
        del content[len(content) // 2 + 100 :]
    else:
        for at in range(4096, len(content), 4096):
            content[at : at + 40] = b"\xff" * 40
    path.write_bytes(content)
    outbox = Outbox(tmp_path, STATION)
    assert _gap(outbox) == GapData(ranges=[Range(epoch=epoch, first=1, last=40)], reason="damaged")
    assert outbox.add(count_event).position == (outbox.epoch, 2)
    assert [aside.read_bytes() for aside in _aside(tmp_path)] == [bytes(content)]
    outbox.close()
    again = Outbox(tmp_path, STATION)
    assert again.depth() == 2
    assert len(_aside(tmp_path)) == 1
    again.close()


def test_a_file_damaged_while_the_agent_runs_is_replaced_and_counting_goes_on(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, STATION)
    for _ in range(30):
        outbox.add(count_event)
    position = outbox.after(-1, 100)[-1].position
    assert outbox._file._db is not None
    outbox._file._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (tmp_path / "outbox.sqlite").open("r+b") as file:
        file.write(b"\xff" * 200_000)
    outbox._file._db.execute("PRAGMA cache_size=0")
    outbox._file._db.execute("PRAGMA shrink_memory")
    after = outbox.add(count_event)
    assert after.position == (outbox.epoch, 32)
    assert _gap(outbox) == GapData(ranges=[Range(epoch=outbox.epoch, first=1, last=30)], reason="damaged")
    assert [pending.seq for pending in outbox.after(position, 10)] == [31, 32]
    assert outbox.take_given_up() == [Range(epoch=outbox.epoch, first=1, last=30)]
    outbox.close()


def test_a_count_whose_bits_were_flipped_is_given_up_and_not_told_wrong(tmp_path: Path) -> None:
    _filled(tmp_path, 3)
    with closing(sqlite3.connect(tmp_path / "outbox.sqlite")) as db:
        wrong = "UPDATE event SET payload = CAST(replace(CAST(payload AS TEXT), '\"counted\":3', '\"counted\":4') AS BLOB) WHERE seq = 2"
        assert db.execute(wrong).rowcount == 1
        db.commit()
    outbox = Outbox(tmp_path, STATION)
    assert [pending.seq for pending in outbox.after(-1, 10)] == [1, 3]
    gap = _gap(outbox)
    assert (gap.reason, [(one.first, one.last) for one in gap.ranges]) == ("damaged", [(2, 2)])
    outbox.close()


def test_a_mark_that_was_cut_short_loses_nothing(tmp_path: Path) -> None:
    epoch = _filled(tmp_path, 3)
    (tmp_path / "marks" / epoch).write_bytes(b"\x01")
    (tmp_path / "marks" / "stray").touch()
    outbox = Outbox(tmp_path, STATION)
    assert [event.position for event in _waiting(outbox)] == [(epoch, seq) for seq in (1, 2, 3)]
    outbox.close()


def test_a_file_of_another_version_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "outbox.sqlite")) as db:
        db.execute("CREATE TABLE event (x)")
        db.commit()
    with pytest.raises(Exception, match="was made by another version of bintally; let that one deliver it"):
        Outbox(tmp_path, STATION)
    assert _aside(tmp_path) == []


def test_a_full_database_changes_nothing_and_works_again_when_there_is_space(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, STATION)
    db = outbox._file._db
    assert db is not None
    outbox.add(count_event)
    db.execute(f"PRAGMA max_page_count={db.execute('PRAGMA page_count').fetchone()[0]}")
    kept = [event.id for event in _fill(outbox)]
    assert [f"{pending.epoch}-{pending.seq}" for pending in outbox.after(-1, 1000)][1:] == kept
    db.execute("PRAGMA max_page_count=100000")
    assert outbox.add(count_event).position == (outbox.epoch, len(kept) + 2)
    assert outbox.depth() == len(kept) + 2
    outbox.close()


def _fill(outbox: Outbox) -> list[CountEvent]:
    kept = []
    try:
        for _ in range(10_000):
            kept.append(outbox.add(count_event))  # noqa: PERF401 - the list is wanted up to the error
    except UnavailableError as error:
        assert re.search(r"outbox\.sqlite: the outbox cannot be used \(.*(full|I/O).*\); free disk space", str(error))  # noqa: PT017
    with pytest.raises(UnavailableError):
        outbox.add(count_event)
    return kept


def test_a_full_disk_changes_nothing_and_works_again_when_there_is_space(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(disk)], capture_output=True, check=False, timeout=60)
    if mounted.returncode != 0:
        pytest.skip("only root may mount a small disk")
    try:
        (disk / "ballast").write_bytes(bytes(100_000))
        outbox = Outbox(disk / "state", STATION)
        kept = _fill(outbox)
        assert outbox.depth() == len(kept)
        (disk / "ballast").unlink()
        assert outbox.add(count_event).position == (outbox.epoch, len(kept) + 1)
        outbox.close()
        again = Outbox(disk / "state", STATION)
        assert [event.position[1] for event in _waiting(again)] == list(range(1, len(kept) + 2))
        again.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True, timeout=60)
