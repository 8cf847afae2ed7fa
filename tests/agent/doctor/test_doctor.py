"""The doctor as a whole: checks that hang or break, the table, JSON, the exit code."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.doctor.checks import CHECKS
from agent.doctor.doctor import doctor, examine
from agent.doctor.finding import Check, Finding
from agent.doctor.report import as_line, summary
from agent.settings import AgentSettings
from bintally.errors import InputError, UnavailableError
from tests.conftest import free_port
from tests.fakes.bundle import write_grey_images


@pytest.fixture
def settings(tmp_path: Path, tiny_bundle: Path) -> Callable[..., AgentSettings]:
    write_grey_images(tmp_path / "frames", [1, 2])

    def settings(**more: object) -> AgentSettings:
        given = {"source": str(tmp_path / "frames"), "bundle": tiny_bundle, "state_dir": tmp_path / "state"}
        return AgentSettings(**{**given, "broker": f"mqtt://127.0.0.1:{free_port()}", "threads": 1, **more})  # type: ignore[arg-type]

    return settings


def fine(name: str) -> Check:
    return Check(name, lambda _: Finding(name, "ok", "fine"))


def raising(name: str, error: Exception) -> Check:
    def look(_: AgentSettings) -> Finding:
        raise error

    return Check(name, look)


def test_a_check_that_hangs_stops_no_other(settings: Callable[..., AgentSettings]) -> None:
    forever = threading.Event()
    hangs = Check("hangs", lambda _: Finding("hangs", "ok", str(forever.wait())))
    last = Check("last", lambda _: Finding("last", "ok", "fine"), alone=True)
    found = list(examine(settings(), [fine("a"), hangs, fine("b"), last], limit_s=0.3))
    forever.set()
    assert [(one.name, one.status) for one in found] == [("a", "ok"), ("hangs", "failed"), ("b", "ok"), ("last", "ok")]
    assert found[1].advice


def test_measures_of_speed_run_when_nothing_else_does(settings: Callable[..., AgentSettings]) -> None:
    at_work: list[str] = []

    def look(name: str) -> Callable[[AgentSettings], Finding]:
        def look(_: AgentSettings) -> Finding:
            at_work.append(name)
            return Finding(name, "ok", " ".join(at_work))

        return look

    checks = [Check("speed 1", look("speed 1"), alone=True), Check("a", look("a")), Check("speed 2", look("speed 2"), alone=True)]
    assert [one.text for one in examine(settings(), checks)] == ["a", "a speed 1", "a speed 1 speed 2"]


def test_errors_become_findings_that_say_what_to_do(settings: Callable[..., AgentSettings]) -> None:
    checks = [
        raising("ours", UnavailableError("/dev/video0: is busy; there; stop the other program")),
        raising("bare", InputError("it is damaged")),
        raising("rights", PermissionError(13, "Permission denied", "/var/lib/bintally/outbox.sqlite")),
        raising("bug", KeyError("oops")),
    ]
    ours, bare, rights, bug = examine(settings(), checks)
    assert (ours.text, ours.advice) == ("/dev/video0: is busy; there", "Stop the other program")
    assert (bare.status, bare.text) == ("failed", "it is damaged")
    assert (rights.status, rights.text) == ("failed", "/var/lib/bintally/outbox.sqlite: Permission denied")
    assert (bug.status, "KeyError('oops') at test_doctor.py:" in bug.text) == ("failed", True)
    assert rights.advice
    assert bare.advice
    assert bug.advice


def test_a_station_that_lacks_only_its_broker_fails_with_the_reason(
    settings: Callable[..., AgentSettings], capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(settings()) == 1
    table = capsys.readouterr().out
    assert [check.name for check in CHECKS if check.name not in table] == []
    assert "nothing listens there\n" in table
    assert "→ Check host and port\n" in table
    assert "\x1b" not in table
    assert "1 failed" in table


def test_a_program_reads_the_same_as_json(
    settings: Callable[..., AgentSettings], embedded_broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = doctor(settings(broker=embedded_broker), as_json=True)
    told = json.loads(capsys.readouterr().out)
    findings = {one["name"]: one for one in told["findings"]}
    assert list(findings) == [check.name for check in CHECKS]
    assert [one for one in findings.values() if one["status"] == "failed"] == []
    assert (code, told["healthy"]) == (0, True)
    assert all(one["advice"] for one in findings.values() if one["status"] == "warning")
    assert findings["broker"]["status"] == "ok"


class Terminal(io.TextIOWrapper):
    """Somewhere to print to."""

    def __init__(self, encoding: str, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def test_colours_are_for_terminals_whose_user_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding("disk", "failed", "full", "Free some space")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m✗\x1b[0m disk" in as_line(finding, 6, Terminal("utf-8", terminal=True))
    assert summary([finding], Terminal("utf-8", terminal=True)) == "\x1b[31m1 failed\x1b[0m"
    assert as_line(finding, 6, Terminal("utf-8", terminal=False)) == "✗ disk    full\n          → Free some space"
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in as_line(finding, 6, Terminal("utf-8", terminal=True))


def test_a_serial_console_without_unicode_is_written_to_in_ascii() -> None:
    line = as_line(Finding("camera", "warning", "640×480", "Höher"), 6, Terminal("ascii", terminal=False))
    assert line == "!  camera  640?480\n           -> H?her"


def test_what_a_broker_says_cannot_move_the_cursor() -> None:
    assert "\x1b" not in as_line(Finding("broker", "ok", "says \x1b[2J\r hello\n"), 6, Terminal("utf-8", terminal=False))
