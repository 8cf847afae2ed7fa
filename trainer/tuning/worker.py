"""One worker of a search: it takes trials from the study until all have ended."""

from __future__ import annotations

import math
import os
import shutil
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import optuna
import sqlalchemy as sa
import structlog
from optuna.trial import FrozenTrial, Trial, TrialState

from bintally.errors import InputError, UnavailableError
from bintally.files import make_folder
from trainer.tuning import slots
from trainer.tuning.space import Space
from trainer.tuning.study import GRACE_S, HEARTBEAT_S, PrunerName, open_study, pruner_of, sampler, table, take_back, translated

LAST, BEST = "last.pt", "best.pt"
_PATIENCE = 3
_POLL_S = 1.0
OnEpoch = Callable[[int, dict[str, Any]], None]
log = structlog.get_logger()


class Objective(Protocol):
    """What is searched over: gives the lowest validation loss of a run."""

    def __call__(self, settings: Any, out: Path, resume: bool, on_epoch: OnEpoch) -> float:
        """Train.

        Args:
            settings: of the run.
            out: its folder, which holds ``last.pt`` and ``best.pt`` afterwards.
            resume: go on from ``last.pt``.
            on_epoch: to be called with the number of finished epochs and the outcome, after the checkpoints are written.
        """


@dataclass(frozen=True)
class Wording:
    """How a report calls what was found.

    Attributes:
        loss: with its unit.
        scores: headings of the outcome's other entries that are shown, by their names.
        of: what all of it was measured on.
    """

    loss: str
    scores: tuple[tuple[str, str], ...]
    of: str


COUNTERS = Wording("validation loss (nats)", (("accuracy", "accuracy"), ("rmse", "RMSE")), "validation images with 0 to 5 items")
TRAVEL_TIMES = Wording("mean relative error", (("q99", "99 % below"), ("worst", "worst 1 %")), "validation lists")


@dataclass(frozen=True)
class Search:
    """What all workers of a search have in common.

    Attributes:
        url: of the database.
        study: its name there.
        record: what the study must have been begun with.
        out: folder; each trial has its own in ``trials``.
        space: what is varied.
        objective: what is minimised.
        total: how many trials the study has, over all workers and machines.
        pruner: rule that ends hopeless trials.
        seed: of the sampler.
        keep: keep the checkpoints of all trials, not only of the best one.
        heartbeat_s: seconds between two signs of life.
        grace_s: seconds without one after which a trial counts as lost.
        wording: of the report.
    """

    url: sa.URL
    study: str
    record: dict[str, str]
    out: Path
    space: Space[Any]
    objective: Objective
    total: int
    pruner: PrunerName = "median"
    seed: int = 0
    keep: bool = False
    heartbeat_s: int = HEARTBEAT_S
    grace_s: int = GRACE_S
    wording: Wording = COUNTERS

    def open(self) -> optuna.Study:
        """The study; raises what ``open_study`` raises."""
        pruner = pruner_of(self.pruner, self.space.most_epochs())
        return open_study(self.url, self.study, self.record, pruner, self.heartbeat_s, self.grace_s)

    def folder(self, number: int) -> Path:
        """Of a trial."""
        return self.out / "trials" / f"{number:04}"


class _FailedByItselfError(Exception):
    """The trial failed, and says why in its marks; the worker goes on."""


def work(search: Search, stop: threading.Event) -> None:
    """Run trials until all of the study have ended, here or elsewhere.

    Args:
        search: what to do.
        stop: the running trial ends after its epoch when this is set; the same command goes on with it.

    Raises:
        KeyboardInterrupt: the worker was stopped.
        InputError: the first trials all failed.
        UnavailableError: database or disk do not answer.
    """
    with translated(search.url):
        _Worker(search, search.open(), stop).work()


class _Worker:
    def __init__(self, search: Search, study: optuna.Study, stop: threading.Event) -> None:
        self._search, self._study, self._stop = search, study, stop
        self._number = -1

    def work(self) -> None:
        while not self._stop.is_set():
            take_back(self._study, self._search.total, self._search.grace_s)
            step = slots.next_step(table(self._study), self._search.total)
            if step == "done":
                return
            if step == "wait":
                self._stop.wait(_POLL_S)
                continue
            self._run_next()
            trials = table(self._study)
            if not self._search.keep:
                tidy(self._search, trials)
            _refuse_hopeless(trials)
        raise KeyboardInterrupt

    def _run_next(self) -> None:
        self._number = -1
        try:
            self._study.optimize(self._run, n_trials=1, catch=(_FailedByItselfError,))
        except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
            # Optuna cannot end a trial that others gave up because this machine slept or lost the database; it is theirs now.
            if self._number < 0 or table(self._study)[self._number].state != TrialState.FAIL:
                raise
            log.warning("trial-taken-over", number=self._number)
        except AssertionError as error:  # Optuna's own, on top of the database's error
            raise error.__context__ or error from None

    def _run(self, trial: Trial) -> float:
        self._number = trial.number
        trials = table(self._study)
        own = trials[trial.number]
        if slots.is_surplus(own, trials, self._search.total):
            trial.set_user_attr(slots.SURPLUS, True)
            raise _FailedByItselfError
        before = slots.lineage(own, trials)
        trial.set_user_attr(slots.WORKER, f"{socket.gethostname()}:{os.getpid()}")
        self._study.sampler = sampler(self._search.seed, trial.number)
        try:
            return self._train(trial, before)
        except (optuna.exceptions.OptunaError, sa.exc.SQLAlchemyError):
            raise
        except (KeyboardInterrupt, UnavailableError):
            trial.set_user_attr(slots.STOPPED, True)
            raise
        except Exception as error:
            log.exception("trial-failed", number=trial.number)
            trial.set_user_attr(slots.ERROR, str(error) or type(error).__name__)
            raise _FailedByItselfError from error

    def _train(self, trial: Trial, before: Sequence[FrozenTrial]) -> float:
        settings = self._search.space.suggest(trial)
        if slots.kills(before) >= slots.MOST_KILLS:
            raise InputError(f"its worker was killed {slots.MOST_KILLS} times; for want of memory, perhaps")
        folder = self._search.folder(trial.number)
        resume = _inherit(self._search, trial, before)
        log.info("trial", number=trial.number, resume=resume, **trial.params)

        def on_epoch(finished: int, outcome: dict[str, Any]) -> None:
            trial.report(outcome["loss"], finished)
            if outcome["loss"] <= trial.user_attrs.get(slots.BEST, outcome)["loss"]:
                trial.set_user_attr(slots.BEST, outcome)
            if finished < settings.epochs and trial.should_prune():
                log.info("pruned", number=trial.number, epoch=finished)
                raise optuna.TrialPruned
            if self._stop.is_set():
                raise KeyboardInterrupt

        loss = self._search.objective(settings, folder, resume, on_epoch)
        if not math.isfinite(loss):
            raise InputError(f"the validation loss is {loss}")
        return loss


def tidy(search: Search, trials: slots.Trials) -> None:
    """Delete the checkpoints of ended trials but the best one's, which keeps its ``best.pt``.

    The best trial is taken from the same look at the table as the ended ones; a worker that looked earlier deletes nothing of a trial that
    ended since.
    """
    best = slots.best(trials)
    for trial in slots.ended(trials):
        folder = search.folder(trial.number)
        (folder / LAST).unlink(missing_ok=True)
        if trial is not best:
            (folder / BEST).unlink(missing_ok=True)


def _inherit(search: Search, trial: Trial, before: Sequence[FrozenTrial]) -> bool:
    """Take over the folder of the trial that this one tries again; say whether there is something to go on with.

    The folder is renamed, so that the earlier worker, should it live after all, cannot write into it any more.
    """
    folder = search.folder(trial.number)
    make_folder(folder.parent)
    found = next((search.folder(one.number) for one in before if search.folder(one.number).exists()), None)
    if found is not None:
        found.rename(folder)
    if not (folder / LAST).exists():
        shutil.rmtree(folder, ignore_errors=True)
        return False
    reported = {epoch: loss for one in reversed(before) for epoch, loss in one.intermediate_values.items()}
    for epoch, loss in reported.items():
        trial.report(loss, epoch)
    best = next((one.user_attrs[slots.BEST] for one in before if slots.BEST in one.user_attrs), None)
    if best is not None:
        trial.set_user_attr(slots.BEST, best)
    return True


def _refuse_hopeless(trials: slots.Trials) -> None:
    ended = slots.ended(trials)
    if len(ended) >= _PATIENCE and all(slots.failed(trial) for trial in ended):
        raise InputError(failures(ended))


def failures(ended: slots.Trials) -> str:
    """That all trials failed, with the first one's error."""
    first = ended[0]
    return f"all {len(ended)} trials failed; the first one, with {first.params}: {first.user_attrs[slots.ERROR]}"
