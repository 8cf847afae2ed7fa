"""Disks that are full, slow or read-only, and outboxes that are locked, foreign or damaged."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.delivery.outbox import Outbox
from agent.doctor.storage import agent_of, check_disk, check_outbox
from agent.settings import AgentSettings
from bintally.errors import UnavailableError
from bintally.topics import Station
from tests.fakes.programs import Start

STATION = Station("site", "station")


@pytest.fixture
def settings(tmp_path: Path) -> AgentSettings:
    return AgentSettings(source="0", state_dir=tmp_path / "state", outbox_max_bytes=2**30, evidence_max_bytes=2**30)


@pytest.mark.parametrize(
    ("free_bytes", "status", "word"),
    [
        (10 * 2**30, "ok", "10 GiB free"),
        (2**30, "warning", "may want 2 GiB more"),
        (50 * 2**20, "failed", "it is full"),
        (0, "failed", "full"),
    ],
)
def test_the_space_that_is_left_is_held_against_what_may_be_wanted(
    settings: AgentSettings, free_bytes: int, status: str, word: str
) -> None:
    finding = check_disk(settings, lambda _: SimpleNamespace(f_bavail=free_bytes // 4096, f_frsize=4096), lambda _: None)
    assert (finding.status, word in finding.text) == (status, True), finding
    assert bool(finding.advice) is (status != "ok")


def test_space_that_outbox_and_evidence_have_already_is_not_wanted_again(settings: AgentSettings) -> None:
    (settings.state_dir / "evidence").mkdir(parents=True)
    with (settings.state_dir / "evidence" / "kept").open("wb") as kept:
        kept.truncate(2**30)
    assert check_disk(settings, lambda _: SimpleNamespace(f_bavail=2**18 + 1, f_frsize=4096), lambda _: None).status == "ok"


def test_a_slow_card_is_told(settings: AgentSettings) -> None:
    finding = check_disk(settings, lambda _: SimpleNamespace(f_bavail=2**30, f_frsize=4096), lambda _: time.sleep(0.06))
    assert (finding.status, "slow" in finding.text) == ("warning", True)


def test_a_state_folder_in_memory_is_lost_at_a_restart(settings: AgentSettings) -> None:
    memory = Path("/dev/shm")  # noqa: S108 - nothing is left there
    if not memory.is_mount():
        pytest.skip("no /dev/shm")
    lost = settings.model_copy(update={"state_dir": memory / "bintally" / "state", "outbox_max_bytes": 0, "evidence_max_bytes": 0})
    finding = check_disk(lost, lambda _: SimpleNamespace(f_bavail=2**30, f_frsize=4096))
    assert (finding.status, "lies in memory" in finding.text) == ("warning", True)
    assert not (memory / "bintally").exists()


def test_a_disk_is_tried_without_leaving_anything_there(settings: AgentSettings, tmp_path: Path) -> None:
    assert check_disk(settings).status in ("ok", "warning")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_told(settings: AgentSettings) -> None:
    read_only = settings.model_copy(update={"state_dir": Path("/proc/bintally/state")})
    with pytest.raises(UnavailableError, match=r"/proc cannot be written to .*; let this user"):
        check_disk(read_only)


def test_before_the_first_start_there_is_no_outbox_and_the_doctor_makes_none(settings: AgentSettings) -> None:
    assert check_outbox(settings).status == "ok"
    assert not settings.state_dir.exists()


_HOLDER = """
import sys
from pathlib import Path
from agent.delivery.outbox import Outbox
from bintally.topics import Station
from tests.fakes.events import count_event
outbox = Outbox(Path(sys.argv[1]), Station("site", "station"))
for _ in range(3):
    outbox.add(count_event)
print("holds it", flush=True)
input()
"""


def test_the_process_that_holds_the_outbox_is_told_and_not_disturbed(settings: AgentSettings, start: Start) -> None:
    agent = start(sys.executable, "-c", _HOLDER, str(settings.state_dir))
    assert agent.line() == "holds it\n"
    assert check_outbox(settings).text == f"3 events wait, held by the running agent (process {agent.pid})"
    agent.signal(signal.SIGKILL)
    agent.wait()
    files = sorted(settings.state_dir.iterdir())
    assert check_outbox(settings).text == "3 events wait"
    assert agent_of(settings.state_dir) is None
    assert sorted(settings.state_dir.iterdir()) == files


def test_another_stations_counts_are_told(settings: AgentSettings) -> None:
    Outbox(settings.state_dir, STATION).close()
    finding = check_outbox(settings.model_copy(update={"station": "other"}))
    assert (finding.status, finding.advice) == ("failed", "Give this station its own --state-dir")
    assert "site/station, not of site/other" in finding.text


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(4080)])
def test_a_damaged_outbox_is_told_and_left_as_it_is(settings: AgentSettings, content: bytes) -> None:
    settings.state_dir.mkdir()
    path = settings.state_dir / "outbox.sqlite"
    path.write_bytes(content)
    finding = check_outbox(settings)
    assert (finding.status, bool(finding.advice)) == ("failed", True)
    assert path.read_bytes() == content
    assert list(settings.state_dir.iterdir()) == [path]
