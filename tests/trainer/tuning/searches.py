"""Searches that cost nothing, as a module and as a program: ``python -m tests.trainer.tuning.searches URL OUT OBJECTIVE TOTAL WORKERS``."""

from __future__ import annotations

import math
import os
import sqlite3
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from optuna.trial import FrozenTrial

from bintally.errors import BintallyError, InputError
from bintally.files import make_folder
from trainer.training.settings import TrainSettings
from trainer.tuning.pool import run
from trainer.tuning.space import Space, space_from
from trainer.tuning.study import database_url, table
from trainer.tuning.worker import BEST, LAST, Objective, OnEpoch, Search, work

EPOCHS = 3
sa.event.listen(sa.Engine, "connect", lambda connection, _: _undurable(connection))
SPACE = "[learning_rate]\nlow = 1e-4\nhigh = 1e-1\nlog = true\n[batch_size]\nchoice = [32, 64]\n"


def loss_of(settings: TrainSettings, epoch: int) -> float:
    """Falls with the epochs towards a parabola whose lowest point is at a learning rate of 0.01 and batches of 64."""
    return (math.log10(settings.learning_rate) + 2) ** 2 + (settings.batch_size == 32) + 1 / epoch


def quadratic(settings: TrainSettings, out: Path, resume: bool, on_epoch: OnEpoch) -> float:
    """A run that leaves checkpoints as the real one does: last.pt holds the number of finished epochs."""
    make_folder(out)
    done = int((out / LAST).read_text()) if resume else 0
    for epoch in range(done + 1, settings.epochs + 1):
        (out / BEST).write_text(str(settings.learning_rate))
        (out / LAST).write_text(str(epoch))
        on_epoch(epoch, {"loss": loss_of(settings, epoch)})
    return loss_of(settings, settings.epochs)


def refuses(settings: TrainSettings, out: Path, resume: bool, on_epoch: OnEpoch) -> float:  # noqa: ARG001 - an objective
    raise InputError(f"no image for batches of {settings.batch_size}")


@dataclass(frozen=True)
class HangsOnce:
    """Like ``quadratic``, but the first run of all does not come back from its second epoch; ``hangs`` then holds its process."""

    hangs: Path

    def __call__(self, settings: TrainSettings, out: Path, resume: bool, on_epoch: OnEpoch) -> float:
        def then(epoch: int, outcome: dict[str, Any]) -> None:
            on_epoch(epoch, outcome)
            if epoch == 2 and _first(self.hangs):
                threading.Event().wait()

        return quadratic(settings, out, resume, then)


@dataclass(frozen=True)
class EndlessOnce:
    """Like ``quadratic``, but each run that begins while ``release`` is missing reports its second epoch until it is stopped."""

    begun: Path
    release: Path

    def __call__(self, settings: TrainSettings, out: Path, resume: bool, on_epoch: OnEpoch) -> float:
        def then(epoch: int, outcome: dict[str, Any]) -> None:
            on_epoch(epoch, outcome)
            while epoch == 2 and not self.release.exists():
                (self.begun / str(os.getpid())).touch()
                on_epoch(epoch, outcome)

        return quadratic(settings, out, resume, then)


def _undurable(connection: Any) -> None:
    """No test loses power; waiting for the disk would be most of its time."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


def space(**fixed: Any) -> Space[TrainSettings]:
    return space_from(SPACE, "test", TrainSettings(**{"epochs": EPOCHS, **fixed}))


def search(url: str, out: Path, objective: Objective = quadratic, total: int = 8, **others: Any) -> Search:
    """A search without pruning, whose killed workers are noticed at once."""
    found: Space[Any] = others.pop("space", None) or space()
    facts: dict[str, Any] = {"pruner": "none", "heartbeat_s": 1, "grace_s": 2, "record": found.record(), "study": "test", **others}
    return Search(url=database_url(url), out=out, space=found, objective=objective, total=total, **facts)


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'study.db'}"


def in_this_process(one: Search) -> list[FrozenTrial]:
    """The table after a worker has done its work."""
    work(one, threading.Event())
    return table(one.open())


def _first(marker: Path) -> bool:
    try:
        with marker.open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return False
    return True


def main(words: Sequence[str]) -> int:
    url, out, name, total, workers = words
    folder = Path(out)
    objectives: dict[str, Objective] = {
        "quadratic": quadratic,
        "hangs-once": HangsOnce(folder / "hangs"),
        "endless-once": EndlessOnce(folder, folder / "release"),
    }
    try:
        run(search(url, folder, objectives[name], int(total)), int(workers), lambda _: None)
    except BintallyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
