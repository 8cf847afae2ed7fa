"""The two tests against scipy's, and against counting by hand."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from scipy import stats  # type: ignore[import-untyped]  # ships no types

from deploy.fleet.rollout.compare import fisher, mann_whitney, poisson


@pytest.mark.parametrize(("hit", "of", "other", "others"), [(1, 10, 0, 990), (3, 10, 5, 90), (0, 10, 4, 20), (10, 10, 1, 12), (5, 5, 0, 0)])
def test_fishers_test_is_scipys(hit: int, of: int, other: int, others: int) -> None:
    expected = stats.fisher_exact([[hit, of - hit], [other, others - other]], "greater").pvalue
    assert fisher(hit, of, other, others) == pytest.approx(expected)


def test_fishers_test_counts_all_ways_in_which_the_hits_could_have_fallen() -> None:
    ways = [sum(one < 3 for one in places) for places in combinations(range(8), 4)]
    assert fisher(2, 3, 2, 5) == pytest.approx(sum(hits >= 2 for hits in ways) / len(ways))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("digits", [1, 6])
def test_the_rank_test_is_scipys_with_ties_and_without(seed: int, digits: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - numbers for a test
    sample = [round(chance.gauss(0.2, 0.2), digits) for _ in range(12)]
    reference = [round(chance.gauss(0, 0.2), digits) for _ in range(80)]
    expected = stats.mannwhitneyu(sample, reference, alternative="greater", method="asymptotic").pvalue
    assert mann_whitney(sample, reference) == pytest.approx(expected)


def test_equal_values_differ_by_nothing() -> None:
    assert mann_whitney([0.5] * 10, [0.5] * 10) == 1.0


@pytest.mark.parametrize(("events", "expected"), [(0, 2.0), (3, 2.0), (12, 2.0), (40, 25.0)])
def test_the_poisson_tail_is_scipys(events: int, expected: float) -> None:
    assert poisson(events, expected) == pytest.approx(stats.poisson.sf(events - 1, expected), abs=1e-12)


def test_where_nothing_is_expected_anything_is_too_much() -> None:
    assert poisson(1, 0.0) == 0.0
    assert poisson(0, 0.0) == 1.0
