"""A whole station at rest: from its start to the first count, what it costs to look at a bin in which nothing moves, and its memory."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from bintally.frames import Frame, resize
from bintally.scenes import render_scene
from tests.fakes.cameras import HttpCamera
from tests.fakes.programs import BINTALLY, Program, programs

FRAMES_PER_S = 10
SETTLED_S, MEASURED_S = 15.0, 30.0


def main() -> None:
    """Print the figures; a server of JPEGs is the camera, so that reading and decoding them are in them."""
    with tempfile.TemporaryDirectory() as name, programs() as start:
        folder = Path(name)
        broker = start(*BINTALLY[:2], "deploy.broker").line().split()[1]
        camera = HttpCamera(_still_life(), FRAMES_PER_S)
        options = ["--source", camera.url, "--broker", f"mqtt://127.0.0.1:{broker}", "--acknowledged-by", "broker"]
        started = time.monotonic()
        agent = start(*BINTALLY, "agent", "run", *options, "--bin", "A", "--state-dir", str(folder / "state"))
        while not _counted(folder / "state" / "outbox.sqlite"):
            time.sleep(0.01)
        print(f"station: first count {time.monotonic() - started:.2f} s after the start, which includes {_rest_s():.1f} s at rest")
        time.sleep(SETTLED_S)
        before = _cpu_s(agent)
        time.sleep(MEASURED_S)
        spent = [100 * (now - then) / MEASURED_S for now, then in zip(_cpu_s(agent), before, strict=True)]
        memory = [_resident_mb(pid) for pid in _family(agent)]
        print(
            f"station at rest, 640×480, {FRAMES_PER_S} frames/s: {sum(spent):.1f} % of a core (agent {spent[0]:.1f}, camera {spent[1]:.1f}); "
            f"resident {memory[0]:.0f} MB and {memory[1]:.0f} MB"
        )
        camera.close()


def _still_life() -> Callable[[int], Frame]:
    """A bin in which nothing moves, with a sensor's noise."""
    rng = np.random.default_rng(1)
    bin_picture = resize(render_scene(4).frame, (480, 640)).astype(np.int16)
    frames = [np.clip(bin_picture + rng.normal(0, 2, bin_picture.shape), 0, 255).astype(np.uint8) for _ in range(20)]
    return lambda number: frames[number % len(frames)]


def _rest_s() -> float:
    return 0.5 + 3 / FRAMES_PER_S


def _counted(outbox: Path) -> bool:
    if not outbox.is_file():
        return False
    with closing(sqlite3.connect(outbox)) as db:
        try:
            return bool(db.execute("SELECT 1 FROM epoch WHERE last_seq > 0").fetchone())
        except sqlite3.OperationalError:  # not made yet
            return False


def _family(agent: Program) -> list[int]:
    children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split()
    return [agent.pid, *map(int, children)]


def _cpu_s(agent: Program) -> list[float]:
    times = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13] for pid in _family(agent)]
    return [(int(user) + int(system)) / os.sysconf("SC_CLK_TCK") for user, system in times]


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
