"""The command line as tests call it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bintally.cli import main


def code(*arguments: object) -> int:
    """The exit code, whoever refuses the arguments."""
    try:
        return main([*map(str, arguments)])
    except SystemExit as refused:
        return int(refused.code or 0)


def lines(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    """What a command that succeeds prints with ``--json``."""
    assert main([*map(str, arguments), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]
