"""The seed algorithm for any judge; see `warehouse.batching.seed` for its rules and its source."""

from __future__ import annotations

import numpy as np

from warehouse.batching.judging.judge import Judge
from warehouse.batching.judging.sets import Sets
from warehouse.batching.problem import SLACK, BatchProblem, Floats

SCREENED = 10
"""Orders that are judged for a place in a batch, where a guide has chosen them."""


def filled(problem: BatchProblem, guide: Judge, judge: Judge) -> list[list[int]]:
    """Batches, one after the other: from the order that costs most alone, with the orders that add least to it.

    Args:
        problem: the orders.
        guide: chooses which orders are worth judging; none is left out if it is the judge itself.
        judge: what sets cost.
    """
    alone = judge.costs(Sets.of([[order] for order in range(len(problem))]))
    limits, waiting, batches = problem.limits * (1 + SLACK / 2), np.ones(len(problem), np.bool_), []
    for first in np.argsort(-alone, kind="stable").tolist():
        if not waiting[first]:
            continue
        batch, load, chosen = [], np.zeros(len(limits)), first
        while True:
            batch.append(chosen)
            load, waiting[chosen] = load + problem.loads[chosen], False
            able = np.flatnonzero(waiting & (load + problem.loads <= limits).all(axis=1))
            if not len(able):
                break
            if guide is not judge:
                able = np.sort(able[np.argsort(_grown(guide, batch, able.tolist()), kind="stable")[:SCREENED]])
            chosen = int(able[np.argmin(_grown(judge, batch, able.tolist()))])
        batches.append(batch)
    return batches


def _grown(judge: Judge, batch: list[int], orders: list[int]) -> Floats:
    """What a batch would cost with each of some orders."""
    return judge.costs(Sets.of([[*batch, order] for order in orders]))
