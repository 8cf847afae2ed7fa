"""Batches without looking at where things lie: the baselines, and a way into too few carts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from bintally.errors import InputError
from warehouse.batching.batches import Batches, judged
from warehouse.batching.problem import SLACK, BatchProblem


def first_come(problem: BatchProblem) -> Batches:
    """First come, first served: orders in their sequence; one that does not fit opens the next batch.

    Raises:
        InputError: no way was found into so few carts.
    """
    began = time.monotonic()
    batches = in_sequence(problem, range(len(problem)))
    return judged(problem, batches, "first-come", seconds=time.monotonic() - began)


def random(problem: BatchProblem, seed: int = 0) -> Batches:
    """As `first_come`, in a random sequence.

    Raises:
        InputError: no way was found into so few carts.
    """
    began = time.monotonic()
    batches = in_sequence(problem, np.random.default_rng(seed).permutation(len(problem)).tolist())
    return judged(problem, batches, "random", seconds=time.monotonic() - began)


def in_sequence(problem: BatchProblem, sequence: Sequence[int]) -> list[list[int]]:
    """Fill one batch after the other; where that takes too many, see `tightly`."""
    batches: list[list[int]] = []
    load = np.zeros(len(problem.limits))
    limits = problem.limits * (1 + SLACK / 2)
    for order in sequence:
        if not batches or (load + problem.loads[order] > limits).any():
            batches.append([])
            load = np.zeros(len(problem.limits))
        batches[-1].append(order)
        load = load + problem.loads[order]
    return tightly(problem, batches, sequence)


def tightly(problem: BatchProblem, batches: Sequence[Sequence[int]], sequence: Sequence[int]) -> list[list[int]]:
    """The batches themselves if there are carts for all, otherwise the orders into fewer: each into the first batch that it fits into,
    in their sequence; then, if that is not enough, the largest first (first fit decreasing).

    Raises:
        InputError: no way was found into so few carts.
    """
    largest_first = sorted(sequence, key=lambda order: -float((problem.loads[order] / problem.limits).max()))
    found, carts = [list(batch) for batch in batches], problem.carts or len(problem)
    for retry in (sequence, largest_first):
        if len(found) <= carts:
            return found
        found = _first_fit(problem, retry)
    if len(found) <= carts:
        return found
    raise InputError(
        f"no way was found to put {len(problem)} orders into {carts} carts, though their sum would fit; into {len(found)} they go"
    )


def _first_fit(problem: BatchProblem, sequence: Sequence[int]) -> list[list[int]]:
    batches: list[list[int]] = []
    loads = np.zeros((len(problem), len(problem.limits)))
    limits = problem.limits * (1 + SLACK / 2)
    for order in sequence:
        fitting = (loads[: len(batches)] + problem.loads[order] <= limits).all(axis=1)
        number = int(np.argmax(fitting)) if fitting.any() else len(batches)
        if number == len(batches):
            batches.append([])
        batches[number].append(order)
        loads[number] += problem.loads[order]
    return batches
