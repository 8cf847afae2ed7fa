"""The doctor: runs every check beside the others, each with a time limit, and reports what they find."""

from __future__ import annotations

import queue
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.doctor.finding import Check, Finding, from_error
from agent.doctor.report import as_json_text, as_line, summary
from agent.settings import AgentSettings
from bintally.errors import BintallyError

LIMIT_S = 10.0


def doctor(settings: AgentSettings, as_json: bool = False) -> int:
    """Check everything that the agent needs, and print what was found and what to do about it.

    Args:
        settings: those that the agent would run with.
        as_json: print one JSON object instead of a table.

    Returns:
        The exit code: 1 when a check failed, else 0.
    """
    from agent.doctor.checks import CHECKS

    findings = []
    width = max(len(check.name) for check in CHECKS)
    for finding in examine(settings, CHECKS):
        findings.append(finding)
        if not as_json:
            print(as_line(finding, width, sys.stdout), flush=True)
    print(as_json_text(findings) if as_json else summary(findings, sys.stdout))
    return 1 if any(finding.status == "failed" for finding in findings) else 0


def examine(settings: AgentSettings, checks: Sequence[Check], limit_s: float = LIMIT_S) -> Iterator[Finding]:
    """Yield what each check finds: those that measure speeds last, one after the other, the rest side by side.

    Args:
        settings: of the agent.
        checks: what to look at.
        limit_s: for each; one that hangs longer has failed, and stays behind in its thread.
    """
    together = [(check, _begin(check, settings)) for check in checks if not check.alone]
    deadline = time.monotonic() + limit_s
    for check, answer in together:
        yield _wait(check, answer, deadline, limit_s)
    for check in checks:
        if check.alone:
            yield _wait(check, _begin(check, settings), time.monotonic() + limit_s, limit_s)


def _begin(check: Check, settings: AgentSettings) -> queue.Queue[Finding]:
    answer: queue.Queue[Finding] = queue.Queue()
    threading.Thread(target=lambda: answer.put(_looked(check, settings)), name=f"doctor-{check.name}", daemon=True).start()
    return answer


def _wait(check: Check, answer: queue.Queue[Finding], deadline: float, limit_s: float) -> Finding:
    try:
        return answer.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        return Finding(check.name, "failed", f"no answer within {limit_s:.0f} s", "Look whether what it depends on hangs, and try again")


def _looked(check: Check, settings: AgentSettings) -> Finding:
    try:
        return check.look(settings)
    except BintallyError as error:
        return from_error(check.name, error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return Finding(
            check.name, "failed", f"{where}{error.strerror or error}", "Let this user read it, or correct the setting that names it"
        )
    except Exception as error:  # noqa: BLE001 - the top of the thread: one check that breaks must not take the others with it
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"the check itself broke ({error!r} at {Path(place.filename).name}:{place.lineno})"
        return Finding(check.name, "failed", text, "Report this as a bug of bintally")
