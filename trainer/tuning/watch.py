"""The progress of a search, for who looks on: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from optuna.trial import FrozenTrial

from trainer.tuning import slots
from trainer.tuning.pool import Watch
from trainer.tuning.report import shown

log = structlog.get_logger()


@contextmanager
def progress(total: int) -> Iterator[Watch]:
    """Gives a function that takes the table of trials and tells what has ended since it was last called."""
    told: set[int] = set()

    def news(trials: slots.Trials) -> list[FrozenTrial]:
        fresh = [trial for trial in slots.ended(trials) if trial.number not in told]
        told.update(trial.number for trial in fresh)
        return fresh

    if not sys.stderr.isatty():

        def tell(trials: slots.Trials) -> None:
            for trial in news(trials):
                log.info("trial", number=trial.number, outcome=_outcome(trial), **trial.params)

        yield tell
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)

        def show(trials: slots.Trials) -> None:
            for trial in news(trials):
                bar.console.print(f"trial {trial.number}: {_outcome(trial)}, {_parameters(trial)}", markup=False, highlight=False)
            best = slots.best(trials)
            text = "" if best is None else f"best: trial {best.number}, loss {shown(best.value)}"
            bar.update(task, completed=len(slots.ended(trials)), description=text)

        yield show


def _outcome(trial: FrozenTrial) -> str:
    return f"failed: {trial.user_attrs[slots.ERROR]}" if slots.failed(trial) else f"{trial.state.name.lower()}, loss {shown(trial.value)}"


def _parameters(trial: FrozenTrial) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in trial.params.items())
