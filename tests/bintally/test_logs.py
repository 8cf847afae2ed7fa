"""Logs as text and as JSON lines, as a program writes them."""

from __future__ import annotations

import json
import subprocess
import sys

_PROGRAM = """
import logging, sys, structlog
from pathlib import Path
from bintally.logs import log_to_stderr
log_to_stderr(logging.INFO, as_json=sys.argv[1] == "json")
log = structlog.get_logger()
log.debug("hidden")
log.info("counted", bin="über 1\\n2", where=Path("/x"))
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
"""


def said(how: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", _PROGRAM, how], capture_output=True, text=True, check=True)
    assert run.stdout == ""
    return run.stderr.splitlines()


def test_each_json_line_is_one_object_with_the_exception_as_text() -> None:
    counted, failed = (json.loads(line) for line in said("json"))
    assert list(counted) == ["timestamp", "level", "event", "bin", "where"]
    assert (counted["level"], counted["event"], counted["bin"], counted["where"]) == ("info", "counted", "über 1\n2", "/x")
    assert failed["level"] == "error"
    assert "ZeroDivisionError: division by zero" in failed["exception"]


def test_without_json_the_lines_are_for_people_and_without_colours_in_a_file() -> None:
    first, *rest = said("text")
    assert "counted" in first
    assert "\x1b" not in first
    assert any("ZeroDivisionError" in line for line in rest)
