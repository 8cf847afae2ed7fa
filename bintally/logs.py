"""Where a program's log goes: called once by its command line, never by a library."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor


def log_to_stderr(level: int = logging.INFO, *, as_json: bool = False) -> None:
    """Write log lines of a level and above to standard error.

    Args:
        level: of ``logging``.
        as_json: one JSON object a line (timestamp, level, event, then the keys), for programs; else text, in colour on a terminal.
    """
    last: list[Processor] = (
        [_in_order, structlog.processors.JSONRenderer(default=str)]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _in_order(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    first = {name: entry.pop(name) for name in ("timestamp", "level", "event")}
    return {**first, **entry}
