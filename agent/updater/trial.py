"""Open a new bundle in a process of its own; whatever becomes of that process, the agent learns it in one word and counts on."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.health.sensors import resident_bytes
from agent.settings import AgentSettings
from agent.updater.trial_child import Opened, Task
from agent.updater.web import Stopped
from bintally.errors import InputError, UnavailableError

_LOOK_S = 0.1
_DIES_WITHIN_S = 1.0
_WITHIN_S, _WITHIN_WITH_ENGINE_S = 120.0, 3600.0
_SHARE_OF_MEMORY = 0.6


@dataclass(frozen=True)
class Allowance:
    """What a trial may take.

    Attributes:
        seconds: of the clock on the wall.
        memory_bytes: resident at any moment.
    """

    seconds: float
    memory_bytes: int


def allowance_for(settings: AgentSettings) -> Allowance:
    """What is allowed here: minutes more where TensorRT builds an engine, and most of the memory, since the agent counts on in the rest."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Allowance(_WITHIN_WITH_ENGINE_S if "tensorrt" in settings.providers else _WITHIN_S, int(_SHARE_OF_MEMORY * physical))


def try_bundle(
    bundle: Path,
    settings: AgentSettings,
    state_dir: Path,
    allowance: Allowance,
    stop: threading.Event,
    command: tuple[str, ...] = ("-m", "agent.updater.trial_child"),
    others: tuple[Path, ...] | None = None,
) -> Opened:
    """Open a bundle, answer its golden inputs, run it.

    Args:
        bundle: its file.
        settings: of the agent: ``providers`` and ``threads`` are looked at.
        state_dir: of the agent; an engine that is built here is the one that the agent will find.
        allowance: more is a failure.
        stop: ends the trial.
        command: what Python runs.
        others: bundles whose engines stay, too, while all further ones are deleted; None to delete none.

    Raises:
        InputError: it cannot be opened, answers wrongly, crashed or took too much.
        UnavailableError: that is not the bundle's fault, but for instance a full disk's.
        Stopped: as it was asked to.
    """
    kept = None if others is None else tuple(map(str, (bundle, *others)))
    task = Task(str(bundle), str(state_dir), settings.providers, settings.threads, os.getpid(), kept)
    try:
        process = subprocess.Popen(  # noqa: S603 - this Python
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the agent, which ends this one
            env={name: value for name, value in os.environ.items() if not name.startswith("BINTALLY_")},  # the task says all
        )
    except OSError as error:
        raise UnavailableError(f"no process can be started for the trial ({error.strerror or error})") from error
    try:
        return _verdict(process, _hear(process, task, allowance, stop))
    finally:
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # a driver may hold even a killed one
            process.wait(_DIES_WITHIN_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _hear(process: subprocess.Popen[bytes], task: Task, allowance: Allowance, stop: threading.Event) -> bytes:
    """All that it says until its end."""
    if process.stdin is None or process.stdout is None:  # both were asked for
        raise UnavailableError("the trial's process has no pipes")
    with suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(json.dumps(asdict(task)).encode() + b"\n")
    deadline, said = time.monotonic() + allowance.seconds, b""
    while True:
        if stop.is_set():
            raise Stopped
        if time.monotonic() > deadline:
            raise InputError(f"its trial did not end within {allowance.seconds:.0f} s")
        used = resident_bytes(process.pid)
        if used is not None and used > allowance.memory_bytes:
            raise InputError(f"its trial took {used >> 20} MiB of memory; {allowance.memory_bytes >> 20} are allowed")
        if select.select([process.stdout], [], [], _LOOK_S)[0]:
            text = os.read(process.stdout.fileno(), 65_536)
            if not text:
                return said
            said += text


def _verdict(process: subprocess.Popen[bytes], said: bytes) -> Opened:
    word, _, rest = said.decode("utf-8", "replace").strip().rpartition("\n")[2].partition(" ")
    if word == "opened":
        with suppress(ValueError, TypeError):  # killed while it spoke
            return Opened(**json.loads(rest))
    if word == "refused":
        raise InputError(rest)
    if word == "unavailable":
        raise UnavailableError(rest)
    try:
        code = process.wait(_DIES_WITHIN_S)
    except subprocess.TimeoutExpired:
        code = 0
    raise InputError(f"its trial's process crashed ({f'signal {-code}' if code < 0 else f'exit code {code}'})")
