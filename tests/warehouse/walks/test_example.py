"""The example of docs/walks.md is the one in docs/examples/walks, and it runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import free_port, require_program

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs/examples/walks"


def test_the_document_shows_the_script():
    assert f"```sh\n{(EXAMPLE / 'run.sh').read_text('utf-8')}```" in (ROOT / "docs/walks.md").read_text("utf-8")


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """The folder where the script ran."""
    require_program("curl")
    for file in [*EXAMPLE.iterdir(), ROOT / "docs/examples/hall.toml"]:
        shutil.copy(file, tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in {"bintally": "-m bintally.cli", "python": ""}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (programs / name).chmod(0o755)
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": path, "PORT": str(free_port())}
    subprocess.run(["bash", "-euo", "pipefail", "run.sh"], cwd=tmp_path, env=environment, check=True, timeout=280)
    return tmp_path


@pytest.mark.long
def test_the_example_s_script_gives_lists_and_a_tour(ran: Path) -> None:
    asked = json.loads((ran / "orders.json").read_text())
    lists = json.loads((ran / "lists.json").read_text())
    listed = [name for one in lists["lists"] for name in one["orders"]]
    assert sorted(listed + [one["order"] for one in lists["not_served"]]) == [order["name"] for order in asked["orders"]]
    assert [one["order"] for one in lists["not_served"]] == ["A-1010"]
    assert {lack["reason"] for lack in lists["not_served"][0]["lacks"]} == {"short", "unknown article", "too large"}
    tour = json.loads((ran / "recounts.json").read_text())
    assert tour["assigned_to"] == "ann"
    assert tour["seconds"] <= 150
    assert max(one["cost"] for one in tour["stops"]) > max(one["cost"] for one in tour["left_out"])
    assert (ran / "recounts.svg").read_text().startswith("<?xml")
