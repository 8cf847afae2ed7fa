"""What a check finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from agent.settings import AgentSettings
from bintally.errors import BintallyError

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One check's answer.

    Attributes:
        name: of the check.
        status: ``skipped`` where the settings do not ask for what is checked.
        text: what was found.
        advice: what to do, one sentence; empty where nothing is to be done.
    """

    name: str
    status: Status
    text: str
    advice: str = ""


@dataclass(frozen=True)
class Check:
    """Something to look at.

    Attributes:
        name: for people.
        look: does it; may raise ``BintallyError``, and may hang.
        alone: it measures a speed, and runs when all others are done.
    """

    name: str
    look: Callable[[AgentSettings], Finding]
    alone: bool = False


def from_error(name: str, error: BintallyError) -> Finding:
    """An error of ours as a finding: behind its last semicolon stands what to do."""
    text, _, advice = str(error).rpartition("; ")
    if not text:
        text, advice = advice, "correct this, and run the doctor again"
    return Finding(name, "failed", text, advice[:1].upper() + advice[1:])
