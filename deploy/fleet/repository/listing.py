"""What is in a repository, for people and for programs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from deploy.fleet.repository.edit import role_of
from deploy.fleet.repository.state import ONLINE, State, period_days, published

_SOON = timedelta(days=30)


@dataclass(frozen=True)
class RoleStanding:
    """A role, and how long its metadata will do.

    Attributes:
        role: its name.
        version: of its metadata.
        threshold: how many of its keys must sign.
        keyids: of all its keys.
        expires: when.
        standing: ``soon`` in the last third of its time, but not before the last 30 days.
    """

    role: str
    version: int
    threshold: int
    keyids: tuple[str, ...]
    expires: datetime
    standing: Literal["good", "soon", "expired"]


def standings(state: State, now: datetime) -> list[RoleStanding]:
    """All roles: root, targets, the models', snapshot, timestamp."""
    found = []
    for role in ("root", *state.targets, *ONLINE):
        signed, keys = state.metadata(role).signed, role_of(state, role)
        soon = min(timedelta(days=period_days(state.root.signed, role)) / 3, _SOON)
        standing: Literal["good", "soon", "expired"] = (
            "expired" if signed.expires <= now else "soon" if signed.expires - now < soon else "good"
        )
        found.append(RoleStanding(role, signed.version, keys.threshold, tuple(keys.keyids), signed.expires, standing))
    return found


def as_json(state: State, desired: Sequence[str], waiting: str | None, now: datetime) -> dict[str, Any]:
    """The same for programs; docs/fleet.md describes the keys."""
    return {
        "targets": [
            {
                "path": one.path,
                "role": one.role,
                "sha256": one.sha256,
                "size_bytes": one.size_bytes,
                "facts": one.facts.model_dump(by_alias=True),
            }
            for one in published(state)
        ],
        "roles": [role_json(one) for one in standings(state, now)],
        "desired_keys": list(desired),
        "waiting": waiting,
    }


def role_json(one: RoleStanding) -> dict[str, Any]:
    """A role for programs."""
    return {
        "role": one.role,
        "version": one.version,
        "threshold": one.threshold,
        "keys": list(one.keyids),
        "expires": one.expires.isoformat(),
        "standing": one.standing,
    }


def warnings(found: Sequence[RoleStanding], repository: Path, now: datetime) -> list[str]:
    """A line for each role that expired or soon will, with what to do."""
    lines = []
    for one in found:
        if one.standing == "good":
            continue
        when = f"expired {_span(now - one.expires)} ago" if one.standing == "expired" else f"expires in {_span(one.expires - now)}"
        todo = f"bintally fleet renew {shlex.quote(str(repository))}" + ("" if one.role in ONLINE else f" {one.role}")
        lines.append(f"{one.role} {when}; run: {todo}")
    return lines


def _span(time: timedelta) -> str:
    if time >= timedelta(days=2):
        return f"{round(time / timedelta(days=1))} days"
    hours, minutes = divmod(int(time.total_seconds()) // 60, 60)
    return f"{hours} h" if hours >= 2 else f"{hours * 60 + minutes} min"


def role_table(found: Sequence[RoleStanding], names: dict[str, str], now: datetime) -> list[list[str]]:
    """Rows of roles, the heading first."""
    rows = [["role", "version", "signed by", "expires"]]
    for one in found:
        keys = ", ".join(names.get(keyid, keyid[:8]) for keyid in one.keyids)
        left = f"{_span(now - one.expires)} ago" if one.expires <= now else f"in {_span(one.expires - now)}"
        rows.append([one.role, str(one.version), f"{one.threshold} of {keys}", f"{one.expires:%Y-%m-%d %H:%M} ({left})"])
    return rows


def target_table(state: State) -> list[list[str]]:
    """Rows of bundles, the heading first."""
    rows = [["bundle", "device", "agent", "frame", "classes", "MB", "SHA-256"]]
    for one in published(state):
        facts = one.facts
        frame, size = f"{facts.width}×{facts.height}", f"{one.size_bytes / 1e6:.1f}"
        rows.append([one.path, facts.device, f"≥ {facts.agent}", frame, str(facts.classes), size, one.sha256[:16]])
    return rows


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table as lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
