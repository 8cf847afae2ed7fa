"""An update in a few words, for the page and ``systemctl status`` (pure)."""

from __future__ import annotations

from bintally.messages.model import ModelReported

_SILENT = ("idle", "active")
"""Phases in which there is nothing to say, unless there is a reason beside them."""


def update_words(report: ModelReported | None) -> str | None:
    """What a station does about updates, such as «1.1.0: shadow»; None where that is nothing."""
    if report is None or (report.phase in _SILENT and not report.reason):
        return None
    version = "" if report.wanted is None else f"{report.wanted.version}: "
    share = "" if report.progress is None else f" {report.progress:.0%}"
    reason = f" ({report.reason})" if report.reason else ""
    return f"{version}{report.phase.replace('_', ' ')}{share}{reason}"
