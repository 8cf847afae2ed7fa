"""Which trials of a study count, and what a worker does next: a pure reading of the study's table.

A study of N trials has N slots. The first trial of a slot opens it; a trial whose worker was stopped or killed is followed by another
one with the same parameters in the same slot. A slot has ended when one of its trials completed, was pruned, or failed by itself.
Two workers may ask for the last slot at the same moment: the trial that came later sees so from the table, and ends as surplus.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from optuna.trial import FrozenTrial, TrialState

# Marks that a worker leaves on its trial.
RETRIES = "retries"  # the number of the trial that this one tries again
ERROR = "error"  # why it failed by itself
STOPPED = "stopped"  # its worker was asked to stop
SURPLUS = "surplus"  # it was one too many
BEST = "best"  # the outcome of its best epoch
WORKER = "worker"  # machine and process

MOST_KILLS = 3
Trials = Sequence[FrozenTrial]
Step = Literal["run", "wait", "done"]


def next_step(trials: Trials, total: int) -> Step:
    """What a worker does: run a trial, wait for those of others (one may have to be tried again), or leave.

    Args:
        trials: all trials of the study, by number.
        total: how many slots the study has.
    """
    if any(trial.state == TrialState.WAITING for trial in trials) or len(_openers(trials)) < total:
        return "run"
    return "wait" if any(trial.state == TrialState.RUNNING for trial in trials) or lost(trials, total) else "done"


def ended(trials: Trials) -> list[FrozenTrial]:
    """The trials that ended their slot."""
    return [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or failed(trial)]


def failed(trial: FrozenTrial) -> bool:
    """Whether a trial failed by itself."""
    return trial.state == TrialState.FAIL and ERROR in trial.user_attrs


def lost(trials: Trials, total: int) -> list[FrozenTrial]:
    """The trials whose worker was stopped or killed, and that no other trial tries again yet."""
    followed = {trial.user_attrs.get(RETRIES) for trial in trials if SURPLUS not in trial.user_attrs}
    return [
        trial
        for trial in trials
        if trial.state == TrialState.FAIL
        and not {ERROR, SURPLUS} & set(trial.user_attrs)
        and trial.number not in followed
        and _rank(trial, trials) < total
    ]


def never_began(trial: FrozenTrial, before: datetime) -> bool:
    """Whether a worker was killed before its first heartbeat, by which Optuna finds the others: a trial draws its parameters at once."""
    started = trial.datetime_start
    return trial.state == TrialState.RUNNING and not trial.params and started is not None and started < before


def is_surplus(trial: FrozenTrial, trials: Trials, total: int) -> bool:
    """Whether a trial that has just begun is one too many, or tries again what an earlier one tries again already."""
    retries = trial.user_attrs.get(RETRIES)
    rivals = [one for one in trials if one.number < trial.number and SURPLUS not in one.user_attrs]
    tried_already = retries is not None and any(one.user_attrs.get(RETRIES) == retries for one in rivals)
    return tried_already or _rank(trial, trials) >= total


def lineage(trial: FrozenTrial, trials: Trials) -> list[FrozenTrial]:
    """The trials before this one in its slot, the newest first."""
    found: list[FrozenTrial] = []
    number = trial.user_attrs.get(RETRIES)
    while number is not None:
        found.append(trials[number])
        number = found[-1].user_attrs.get(RETRIES)
    return found


def kills(before: Sequence[FrozenTrial]) -> int:
    """In how many trials of a slot the worker ended without a word."""
    return sum(STOPPED not in trial.user_attrs for trial in before)


def best(trials: Trials) -> FrozenTrial | None:
    """The completed trial with the lowest loss; the earlier one of two."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return min(complete, key=lambda trial: (trial.value, trial.number), default=None)


def _rank(trial: FrozenTrial, trials: Trials) -> int:
    """How many slots were opened before this trial's."""
    opener = (lineage(trial, trials) or [trial])[-1].number
    return sum(number < opener for number in _openers(trials))


def _openers(trials: Trials) -> list[int]:
    return [trial.number for trial in trials if RETRIES not in trial.user_attrs and SURPLUS not in trial.user_attrs]
