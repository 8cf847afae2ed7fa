"""Findings as a table for people, or as JSON for programs."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from agent.doctor.finding import Finding, Status

_SIGNS: dict[Status, tuple[str, str]] = {"ok": ("✓", "32"), "warning": ("!", "33"), "failed": ("✗", "31"), "skipped": ("–", "2")}
_PLAIN_SIGNS: dict[Status, str] = {"ok": "ok", "warning": "! ", "failed": "X ", "skipped": "- "}


def as_line(finding: Finding, width: int, out: TextIO) -> str:
    """A finding, and in a second line what to do about it.

    Args:
        finding: what was found.
        width: of the column of names.
        out: where it goes: colours on a terminal only, signs beyond ASCII only where they can be written.
    """
    sign, colour = _SIGNS[finding.status]
    if not _writes(out, "✓✗–→"):
        sign = _PLAIN_SIGNS[finding.status]
    indent = " " * (len(sign) + width + 3)
    text = f"{_coloured(sign, colour, out)} {finding.name:<{width}}  {_one_line(finding.text)}"
    arrow = "→" if _writes(out, "→") else "->"
    line = f"{text}\n{indent}{arrow} {_one_line(finding.advice)}" if finding.advice else text
    return line if _writes(out, line) else line.encode(out.encoding, "replace").decode(out.encoding)


def summary(findings: Sequence[Finding], out: TextIO) -> str:
    """How many of each kind, in one line."""
    counts = Counter(finding.status for finding in findings)
    words = [f"{counts[status]} {status}" for status in ("ok", "warning", "failed", "skipped") if counts[status]]
    words = [f"{word}s" if word.endswith("warning") and word != "1 warning" else word for word in words]
    worst: Status = "failed" if counts["failed"] else "warning" if counts["warning"] else "ok"
    return _coloured(", ".join(words), _SIGNS[worst][1], out)


def as_json_text(findings: Sequence[Finding]) -> str:
    """All findings as one object."""
    healthy = not any(finding.status == "failed" for finding in findings)
    return json.dumps({"healthy": healthy, "findings": [vars(finding) for finding in findings]}, indent=2)


def _coloured(text: str, colour: str, out: TextIO) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if out.isatty() and not os.environ.get("NO_COLOR") else text


def _one_line(text: str) -> str:
    """What others said, as a broker or a file's name, must not move the terminal's cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _writes(out: TextIO, text: str) -> bool:
    try:
        text.encode(out.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
