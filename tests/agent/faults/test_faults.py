"""What can go wrong at a station, a hundred times over: no count is missing in the ledger, none is there twice, none is stale."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import timezone
from pathlib import Path

import numpy as np
import pytest

from tests.agent.faults.plant import LONG_S, Plant, Row
from tests.conftest import free_port, require_program
from tests.fakes.bins import Bin
from tests.fakes.cameras import HttpCamera
from tests.fakes.ledgers import counts
from tests.fakes.programs import Start, wait_until
from tests.fakes.rtsp import require_rtsp_server, rtsp_command
from warehouse.ledger import Ledger

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
CAMERA = ("--bin", "A", "--frames-per-s", "20", "--settle-s", "0.3", "--heartbeat-s", "1", "--stale-after-s", "1")


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[list[Row]]:
    """The rows of all faults, printed in the end."""
    rows: list[Row] = []
    yield rows
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("", Row.HEADING, *rows, sep="\n")


@pytest.fixture
def plant(start: Start, tmp_path: Path, tiny_bundle: Path) -> Iterator[Plant]:
    require_program("mosquitto")
    plant = Plant(start, tmp_path, tiny_bundle)
    yield plant
    plant.close()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def _whole(row: Row, table: list[Row]) -> None:
    table.append(row)
    assert (row.missing, row.in_ledger, row.stale) == (0, row.committed, 0), str(row)
    assert row.committed > 0


def test_killed_a_hundred_times(plant: Plant, table: list[Row], rng: np.random.Generator) -> None:
    for _ in range(100):
        agent = plant.agent()
        time.sleep(rng.uniform(0.2, 3.0))
        plant.kill(agent)
    agent = plant.agent()
    plant.counting()
    _whole(plant.finish(agent, "agent killed (-9)", 100), table)


def test_broker_restarted_thirty_times(plant: Plant, table: list[Row], rng: np.random.Generator) -> None:
    agent = plant.agent()
    plant.counting()
    for _ in range(30):
        plant.mosquitto.stop()
        time.sleep(rng.uniform(0.1, 1.0))
        plant.mosquitto.start()
        time.sleep(rng.uniform(0.2, 3.0))
    plant.counting()
    _whole(plant.finish(agent, "broker killed and started, nothing kept", 30), table)


def test_network_cut_stalled_and_slowed(plant: Plant, table: list[Row], rng: np.random.Generator) -> None:
    agent = plant.agent()
    plant.counting()
    for number in range(30):
        (plant.proxy.cut, plant.proxy.stall, lambda: plant.proxy.slow(5_000.0))[number % 3]()
        time.sleep(rng.uniform(0.5, 4.0))
        plant.proxy.heal()
        time.sleep(rng.uniform(0.2, 2.0))
    plant.counting()
    _whole(plant.finish(agent, "network cut, stalled, slowed to 5 kB/s", 30), table)


def test_ledger_away_killed_and_slow(plant: Plant, table: list[Row], rng: np.random.Generator) -> None:
    agent = plant.agent()
    plant.counting()
    for number in range(10):
        plant.listener.signal(signal.SIGSTOP)
        time.sleep(rng.uniform(1.0, 8.0))
        plant.listener.signal(signal.SIGCONT)
        if number % 2:
            plant.listener.signal(signal.SIGKILL)
            plant.listener.wait()
            time.sleep(rng.uniform(0.5, 3.0))
            plant.listen()
        time.sleep(1.0)
    plant.counting()
    _whole(plant.finish(agent, "ledger stopped for 1 to 8 s, or killed", 10), table)


def test_clock_stepped(plant: Plant, table: list[Row], tmp_path: Path) -> None:
    if not FAKETIME.is_file():
        pytest.skip("faketime is not installed")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    agent = plant.agent(
        env={
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    )
    steps = ("+400d", "-20000d", "+0", "-1h", "+90d", "+0")
    for step in steps:
        plant.counting()
        clock.write_text(step)
    plant.counting()
    row = plant.finish(agent, "clock stepped by an hour to 55 years, forth and back", len(steps))
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    years = {entry["taken_at"].year for entry in counts(ledger)}
    ledger.close()
    assert len(years) > 2, "the clock was not stepped"
    _whole(row, table)


def test_disk_full(plant: Plant, table: list[Row]) -> None:
    plant.state.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", plant.state], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can make a small disk")
    try:
        agent = plant.agent("--evidence-max-bytes", "0")
        for _ in range(3):
            plant.counting()
            with (plant.state / "rubbish").open("wb", buffering=0) as rubbish, contextlib.suppress(OSError):
                while rubbish.write(b"x" * 4096):
                    pass
            wait_until(lambda: agent.stderr.count("counting stops reason") > agent.stderr.count("counting goes on"), "it says so", LONG_S)
            time.sleep(2)
            (plant.state / "rubbish").unlink()
            wait_until(lambda: agent.stderr.count("counting stops reason") == agent.stderr.count("counting goes on"), "it goes on", LONG_S)
        plant.counting()
        _whole(plant.finish(agent, "disk full", 3), table)
    finally:
        subprocess.run(["umount", "-l", plant.state], check=True)


def test_an_old_outbox_copied_back(plant: Plant, table: list[Row], tmp_path: Path) -> None:
    agent = plant.agent()
    plant.counting(100)
    agent.signal(signal.SIGTERM)
    agent.wait()
    plant.look()
    shutil.copy(plant.state / "outbox.sqlite", tmp_path / "backup")
    agent = plant.agent()
    plant.counting(100)
    plant.listener.signal(signal.SIGKILL)
    plant.listener.wait()
    plant.counting(100)
    plant.kill(agent)
    for path in plant.state.glob("outbox.sqlite*"):
        path.unlink()
    shutil.copy(tmp_path / "backup", plant.state / "outbox.sqlite")
    plant.listen()
    agent = plant.agent()
    plant.counting()
    row = plant.finish(agent, "outbox copied back from an old backup, ledger away", 1)
    table.append(row)
    assert row.missing == row.told >= 100, str(row)
    assert row.in_ledger == row.committed - row.missing


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _stale(folder: Path, shown: list[tuple[float, float]], tolerance_s: float) -> int:
    """How many counts say what the bin did not hold when their frame was taken.

    Args:
        folder: of the ledger.
        shown: when the bin began to hold how many items, time of day.
        tolerance_s: between the moment that a frame is made and that of its grab.
    """
    ledger = Ledger(f"sqlite:///{folder}/ledger.db")
    stale = 0
    for row in counts(ledger):
        if row["file"] is not None or row["unsure"]:
            continue
        taken_at = row["taken_at"].replace(tzinfo=timezone.utc).timestamp()
        counted = row["at_least"] if row["counted"] is None else row["counted"]
        held = {
            count
            for (since, count), (until, _) in zip(shown, [*shown[1:], (float("inf"), 0)], strict=True)
            if since <= taken_at + 0.05 and taken_at - tolerance_s <= until
        }
        stale += counted not in held
    ledger.close()
    return stale


def test_camera_process_stopped(start: Start, tmp_path: Path, tiny_bundle: Path, table: list[Row], rng: np.random.Generator) -> None:
    require_program("mosquitto")
    seen = Bin(1)
    camera = HttpCamera(seen.picture, frames_per_s=20)
    plant = Plant(start, tmp_path, tiny_bundle, camera.url)
    shown = [(time.time(), 1.0)]
    try:
        agent = plant.agent(*CAMERA)
        plant.counting(2)
        for number in range(10):
            wait_until(lambda: bool(_children(agent.pid)), "there is a camera process")
            os.kill(_children(agent.pid)[-1], signal.SIGSTOP)
            time.sleep(rng.uniform(0.2, 3.0))
            seen.count = 1 + (number + 1) % 5
            shown.append((time.time(), seen.count))
            time.sleep(rng.uniform(0.2, 3.0))
            plant.counting(1)
        row = plant.finish(agent, "camera process stopped (SIGSTOP) while the bin changes", 10)
    finally:
        camera.close()
        plant.close()
    row.stale = _stale(tmp_path, shown, tolerance_s=0.5)
    _whole(row, table)


def test_rtsp_server_vanishes_and_returns(
    start: Start, tmp_path: Path, tiny_bundle: Path, table: list[Row], rng: np.random.Generator
) -> None:
    require_program("mosquitto")
    require_rtsp_server()
    port = free_port()
    server = start(*rtsp_command(port))
    assert server.line() == "ready\n"
    plant = Plant(start, tmp_path, tiny_bundle, f"rtsp://127.0.0.1:{port}/bin")
    away: list[tuple[float, float]] = []
    try:
        agent = plant.agent(*CAMERA, "--regions", '[{"bin": "A", "top": 0.2}]')
        for _ in range(5):
            plant.counting(3)
            server.signal(signal.SIGKILL)
            server.wait()
            gone = time.time()
            time.sleep(rng.uniform(1.0, 5.0))
            away.append((gone, time.time()))
            server = start(*rtsp_command(port))
            assert server.line() == "ready\n"
        plant.counting(3)
        row = plant.finish(agent, "RTSP server killed, away for 1 to 5 s", 5)
    finally:
        plant.close()
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    taken = [entry["taken_at"].replace(tzinfo=timezone.utc).timestamp() for entry in counts(ledger) if entry["file"] is None]
    ledger.close()
    row.stale = sum(gone + 0.5 < at < back for at in taken for gone, back in away)
    _whole(row, table)
