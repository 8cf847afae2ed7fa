"""The process that opens a new bundle before the agent does: it may crash, hang or eat all memory, and nothing is lost but the update.

Started by ``agent.updater.trial``; nobody else should. It reads its task as one JSON line, says ``opened`` with what it found, or
``refused`` or ``unavailable`` with the reason; it is killed with the thread that started it.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bintally.errors import BintallyError, InputError
from bintally.processes import die_with, own_stdout

_RUNS = 5


@dataclass(frozen=True)
class Task:
    """What the process is to do.

    Attributes:
        bundle: file to open.
        state_dir: of the agent, where its engines are.
        providers: that may run it, by preference.
        threads: for one frame.
        parent: process that must not be survived.
        kept: bundles whose engines stay; None for all.
    """

    bundle: str
    state_dir: str
    providers: tuple[str, ...]
    threads: int
    parent: int
    kept: tuple[str, ...] | None


@dataclass(frozen=True)
class Opened:
    """What was found.

    Attributes:
        name, version, digest: of the bundle.
        height, width: of its frames, pixels.
        classes: of its answer.
        frame_ms: median of a few runs, in milliseconds.
    """

    name: str
    version: str
    digest: str
    height: int
    width: int
    classes: int
    frame_ms: float


def main() -> None:
    """Open it, and say so."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the agent's end is this one's, and not the other way round
    line = sys.stdin.readline()
    if not line:
        return  # the agent died before it could say
    task = Task(**json.loads(line))
    die_with(task.parent)
    with suppress(OSError):  # where memory runs out, this one is to be killed, and not the agent
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    os.nice(5)
    say = own_stdout()
    try:
        say.write(f"opened {json.dumps(asdict(_open(task)))}\n")
    except InputError as error:
        say.write(f"refused {_line(error)}\n")
    except BintallyError as error:
        say.write(f"unavailable {_line(error)}\n")
    except Exception as error:  # noqa: BLE001 - the top of the process: the agent must learn why it ends
        say.write(f"refused {type(error).__name__}: {_line(error)}\n")


def _open(task: Task) -> Opened:
    """Open it as the agent would, which compares its golden answers, and run it."""
    from agent.counting.counter import FrameCounter
    from agent.counting.warm_up import drop_engines, warm_up
    from agent.settings import AgentSettings
    from bintally.frames import Frame

    settings: dict[str, Any] = {"source": "0", "bundle": task.bundle, "providers": task.providers, "threads": task.threads, "engine": None}
    if task.kept is not None and "tensorrt" in task.providers:
        drop_engines(Path(task.state_dir), map(Path, task.kept))
    bundle = warm_up(AgentSettings(**settings), Path(task.state_dir))
    counter = FrameCounter(bundle)
    counter.rehearse()
    frame: Frame = bundle.manifest.golden[0].frame()
    frame_ms = statistics.median(counter.count(frame).frame_ms for _ in range(_RUNS))
    height, width = bundle.size
    return Opened(counter.model.name, counter.model.version, bundle.digest, height, width, len(bundle.manifest.classes), frame_ms)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    main()
