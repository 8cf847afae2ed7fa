"""Figure 7: forty orders of two items in two lists, annealed on estimates; and what that is worth beside calculated times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from bintally.layouts import Cart, Ladder, PickList
from warehouse.batching.budget import Budget
from warehouse.estimator import Estimator
from warehouse.pick.bench.two_lists import LONGER, History, Trial, history, trial, two_list_problem


@dataclass(frozen=True)
class Annealing:
    """All repetitions, each with orders of its own; times are without picking.

    Attributes:
        seconds: of each annealing on estimates; on calculated times it is LONGER times as long.
        trials: at least one.
        history: how annealing on estimates goes on for the first repetition's orders.
    """

    seconds: float
    trials: tuple[Trial, ...]
    history: History

    @property
    def saving(self) -> float:
        """Of annealing on estimates: the mean share of the random splits' time."""
        return float(np.mean([1 - one.estimated_s / one.random_s for one in self.trials]))

    @property
    def difference(self) -> float:
        """The mean by which annealing on estimates ends above annealing on calculated times, as a share."""
        return float(np.mean([one.estimated_s / one.calculated_s - 1 for one in self.trials]))

    def improvements(self) -> tuple[list[float], list[float]]:
        """At each point of the history, by what share of the random splits' mean the lists are faster: as estimated, and as calculated."""
        random_s = self.trials[0].random_s
        estimated, calculated = (
            [1 - time_s / random_s for time_s in times] for times in (self.history.estimated_s, self.history.calculated_s)
        )
        return estimated, calculated


def annealed(
    ladder: Ladder,
    places: PickList,
    cart: Cart,
    estimator: Estimator,
    seed: int,
    repetitions: int,
    seconds: float,
    show: Callable[[int], None],
) -> Annealing:
    """Anneal.

    Args:
        ladder: the warehouse.
        places: all of it.
        cart: the worker and the cart, without ``pick_s``.
        estimator: made for them.
        seed: of the orders and the searches.
        repetitions: each with orders of its own.
        seconds: of each annealing on estimates.
        show: called with the number of repetitions that are done.
    """
    budgets, trials = (partial(Budget, seconds), partial(Budget, LONGER * seconds)), []
    problems = [two_list_problem(ladder, places, np.random.default_rng((seed, number))) for number in range(repetitions)]
    for number, problem in enumerate(problems):
        trials.append(trial(problem, cart, estimator, budgets, seed + number))
        show(number + 1)
    tries = max(1, trials[0].tries[0])
    return Annealing(seconds, tuple(trials), history(problems[0], cart, estimator, tries, seed))
