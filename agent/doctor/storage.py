"""Does the disk hold the counts: the state folder, its speed and space, and the outbox in it?"""

from __future__ import annotations

import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from agent.doctor.finding import Finding
from agent.health.sensors import StatVfs, disk_free_bytes
from agent.settings import AgentSettings
from bintally.errors import UnavailableError, UsageError
from bintally.topics import Station

_COMMITS, _MEASURE_S = 20, 3.0
_SLOW_S = 0.05
"""A commit waits for the disk once or twice; slower ones are felt at the station."""
_FULL_BYTES = 64 * 2**20
_IN_MEMORY = frozenset(("tmpfs", "ramfs"))


def check_disk(settings: AgentSettings, statvfs: StatVfs = os.statvfs, sync: Callable[[int], None] = os.fsync) -> Finding:
    """Can the state folder be written to, does it survive a restart, is there space, and is it fast?

    Args:
        settings: of the agent.
        statvfs: tells the free space.
        sync: waits for the disk.
    """
    folder = state_dir(settings)
    there = _existing(folder)
    commit_s = _commit_s(there, sync)
    free = disk_free_bytes(there, statvfs)
    text = f"{folder}: {_size(free)} free, a commit takes {commit_s * 1000:.3g} ms"
    if free < _FULL_BYTES:
        return Finding("disk", "failed", f"{text}: it is full", "Free some space: without it the agent stops counting")
    if _file_system(there) in _IN_MEMORY:
        return Finding(
            "disk", "warning", f"{text}, but it lies in memory and is lost at a restart", "Set --state-dir to a folder on a disk"
        )
    wanted = settings.outbox_max_bytes + settings.evidence_max_bytes - _used(folder)
    if free < wanted:
        return Finding(
            "disk",
            "warning",
            f"{text}; outbox and evidence may want {_size(wanted)} more",
            "Free some space, or lower --outbox-max-bytes and --evidence-max-bytes",
        )
    if commit_s > _SLOW_S:
        return Finding("disk", "warning", f"{text}, which is slow", "Use an SSD or an industrial card: this one will not last, either")
    return Finding("disk", "ok", text)


def check_outbox(settings: AgentSettings, proc: Path = Path("/proc")) -> Finding:
    """Whose counts wait, how many, and whether an agent is at work on them; looks without touching."""
    folder = state_dir(settings)
    path, station = folder / "outbox.sqlite", Station(settings.site, settings.station)
    agent = agent_of(folder, proc)
    running = f", held by the running agent (process {agent})" if agent else ""
    if not path.exists() or path.stat().st_size == 0:
        return Finding("outbox", "ok", f"none yet; the first start makes it in {folder}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as db:
            owner = db.execute("SELECT source FROM owner").fetchone()
            waiting = int(db.execute("SELECT count(*) FROM event").fetchone()[0])
    except sqlite3.Error as error:
        return Finding(
            "outbox",
            "failed",
            f"{path} cannot be read ({error}){running}",
            "See that this user may read it; if it is damaged, the agent moves it aside at its next start and reports what is missing",
        )
    if owner is not None and owner[0] != station.source:
        return Finding(
            "outbox",
            "failed",
            f"{folder} holds the counts of station {owner[0]}, not of {station.source}",
            "Give this station its own --state-dir",
        )
    return Finding("outbox", "ok", f"{waiting} {'event waits' if waiting == 1 else 'events wait'}{running}")


def agent_of(folder: Path, proc: Path = Path("/proc")) -> int | None:
    """The process that holds a state folder; None where none does. Told by the kernel's list, as trying the lock could stop an agent's start.

    Source: proc(5), ``/proc/locks``.
    """
    try:
        inode = (folder / "agent.lock").stat().st_ino
        lines = (proc / "locks").read_text().splitlines()
    except OSError:
        return None
    for fields in map(str.split, lines):
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(inode) and fields[4].isdigit():
            return int(fields[4])
    return None


def state_dir(settings: AgentSettings) -> Path:
    """The state folder.

    Raises:
        UsageError: it is given by ``~``, and this user has no home.
    """
    try:
        return settings.state_dir.expanduser()
    except RuntimeError as error:
        raise UsageError(f"{settings.state_dir}: this user has no home folder; give --state-dir") from error


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it, which the agent would make it in."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def _commit_s(folder: Path, sync: Callable[[int], None]) -> float:
    """Median seconds for writing a page and waiting until it is on the disk.

    Raises:
        UnavailableError: the folder cannot be written to.
    """
    times: list[float] = []
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            while len(times) < _COMMITS and sum(times) < _MEASURE_S:
                started = time.perf_counter()
                file.write(bytes(4096))
                file.flush()
                sync(file.fileno())
                times.append(time.perf_counter() - started)
    except OSError as error:
        raise UnavailableError(
            f"{folder} cannot be written to ({error.strerror}); let this user write there, free space, or choose another --state-dir"
        ) from error
    return statistics.median(times)


def _file_system(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """Its kind, as ext4 or tmpfs; empty where it cannot be told."""
    try:
        fields = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return ""
    kinds = {field[1].replace("\\040", " "): field[2] for field in fields if len(field) > 2}
    resolved = folder.resolve()
    return next((kinds[str(path)] for path in (resolved, *resolved.parents) if str(path) in kinds), "")


def _used(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_size  # noqa: PTH118 - as os.walk gives it
            except OSError:  # went away in the meantime
                continue
    return total


def _size(size_bytes: float) -> str:
    return f"{size_bytes / 2**30:.3g} GiB" if size_bytes >= 2**30 else f"{size_bytes / 2**20:.3g} MiB"
