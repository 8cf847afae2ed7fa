"""The figures of docs/walks.md: python -m tests.warehouse.walks.figures

What choosing bins together with the walk gains, and what it would gain to plan recounts for the most cost instead of the costliest first.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from itertools import product
from unittest.mock import patch

import numpy as np

from bintally.layouts import Ladder, Order, PickList, Shelf
from bintally.layouts.generate import regular_ladder, uniform_list
from warehouse.routing.exact import optimal_lengths_m, pack
from warehouse.walks import places
from warehouse.walks import serve as serving
from warehouse.walks.places import Store, Taken, choose_bins
from warehouse.walks.recounts import Limits, Task, recount_tour
from warehouse.walks.serve import Asked, serve
from warehouse.walks.stock import Bin

HALL, LARGE = regular_ladder(10, 3, block_m=21.0, depot=5), regular_ladder(40, 4, block_m=30.0)


def scattered(seed: int, orders: int) -> tuple[list[Bin], list[Order]]:
    """150 articles, each in one to four bins of a hall with 400 places; orders of one to five lines."""
    rng = np.random.default_rng(seed)
    picks, bins = uniform_list(rng, HALL, 400), list[Bin]()
    for number, place in enumerate(rng.permutation(400)):
        article = f"A{number if number < 150 else rng.integers(150)}"
        shelf = Shelf(f"B{number}", int(picks.columns[place]), int(picks.blocks[place]), float(picks.y_m[place]))
        items = int(rng.integers(1, 13))
        bins.append(Bin(f"B{number}", article, None, shelf, items, items))
    wanted = (rng.choice(150, int(rng.integers(1, 6)), replace=False) for _ in range(orders))
    return bins, [Order(f"O{name}", {f"A{one}": int(rng.integers(1, 4)) for one in some}) for name, some in enumerate(wanted)]


def nearest(store: Store, lines: Mapping[str, int], free: Taken) -> dict[str, int]:
    """The rule of thumb: each line from the bins nearest to the depot."""
    with patch.object(places, "MOST_CHOICES", 0):
        return choose_bins(store, lines, free)


def bins() -> None:
    """Metres and seconds by steps."""
    print("60 orders, lists of 20 items, mean of 8: metres, seconds")
    for method, (name, choose, passes) in product(
        ("savings", "alns"), (("nearest", nearest, 0), ("alone", choose_bins, 0), ("together", choose_bins, 3))
    ):
        metres, seconds = [], []
        for seed in range(8):
            held, asked = scattered(seed, 60)
            with patch.object(serving, "choose_bins", choose), patch.object(serving, "_PASSES", passes):
                began = time.perf_counter()
                served = serve(asked, held, HALL, Asked(20, method, seconds=None, iterations=3000))
                seconds.append(time.perf_counter() - began)
            metres.append(sum(one.walk.length_m for one in served.lists))
        print(f"  {method:8} {name:9} {statistics.mean(metres):7.0f} m {statistics.median(seconds):6.1f} s", flush=True)


def open_tasks(seed: int, ladder: Ladder, number: int, spread: float) -> list[Task]:
    """With log-normal costs."""
    rng = np.random.default_rng(seed)
    picks = uniform_list(rng, ladder, number)
    shelves = [Shelf(str(one), int(picks.columns[one]), int(picks.blocks[one]), float(picks.y_m[one])) for one in range(number)]
    return [Task(one, str(one), shelf, float(rng.lognormal(0, spread))) for one, shelf in enumerate(shelves)]


def most(tasks: Sequence[Task], ladder: Ladder, limits: Limits, first: Sequence[Task], rounds: int = 20) -> float:
    """The most cost that a search finds: insert by cost per second, tear out a neighbourhood, insert again.

    Source: Vansteenwegen, Souffriau, Vanden Berghe & Van Oudheusden, Iterated local search for the team orienteering problem with time
    windows, Computers & Operations Research 36 (2009) 3281-3290.
    """
    rng, best = np.random.default_rng(0), list(first)
    now = max(best, filled([], tasks, ladder, limits), key=cost_of)
    for _ in range(rounds if len(now) < len(tasks) else 0):
        away = now[int(rng.integers(len(now)))].shelf
        kept = torn(now, away, int(rng.integers(1, 2 + len(now) // 3)), ladder)
        new = filled(filled(kept, [task for task in tasks if task not in now], ladder, limits), tasks, ladder, limits)
        now = max(now, new, key=cost_of)
    return max(cost_of(now), cost_of(best))


def torn(chosen: Sequence[Task], here: Shelf | None, number: int, ladder: Ladder) -> list[Task]:
    """Without so many that are nearest to here."""
    return sorted(chosen, key=lambda task: distance_m(ladder, here, task.shelf))[number:]


def filled(chosen: Sequence[Task], more: Sequence[Task], ladder: Ladder, limits: Limits) -> list[Task]:
    """With those of the most cost per additional second, as long as one fits."""
    chosen, now_s = list(chosen), times_s([chosen], ladder, limits)[0]
    more = [task for task in more if task not in chosen]
    while more:
        then_s = times_s([[*chosen, task] for task in more], ladder, limits)
        fits = [
            (task.cost / max(1e-9, time_s - now_s), time_s, task) for task, time_s in zip(more, then_s, strict=True) if limits.allow(time_s)
        ]
        if not fits:
            break
        _, now_s, task = max(fits, key=lambda one: one[0])
        chosen.append(task)
        more = [one for *_, one in fits if one is not task]
    return chosen


def times_s(tours: Sequence[Sequence[Task]], ladder: Ladder, limits: Limits) -> list[float]:
    lists = [PickList.of(ladder, [(task.shelf, 1) for task in tour if task.shelf]) for tour in tours]
    metres = optimal_lengths_m(ladder, pack(lists), threads=1)
    return [float(length_m) / limits.walk_m_s + limits.look_s * len(tour) for length_m, tour in zip(metres, tours, strict=True)]


def cost_of(tasks: Sequence[Task]) -> float:
    return sum(task.cost for task in tasks)


def distance_m(ladder: Ladder, a: Shelf | None, b: Shelf | None) -> float:
    return ladder.distance_m((a.column, a.y_m), (b.column, b.y_m)) if a and b else 0.0


def recounts() -> None:
    """Share of the cost, by both aims."""
    print("100 discrepancies, mean of 2: share of their cost that the costliest first reach, and a search for the most; time of the first")
    for (name, ladder), spread, minutes in product((("10 aisles, 42 m", HALL), ("40 aisles, 90 m", LARGE)), (0.5, 1.5), (10, 20)):
        shares, searched, seconds = [], [], []
        for seed in range(2):
            tasks, limits = open_tasks(seed, ladder, 100, spread), Limits(60.0 * minutes)
            began = time.perf_counter()
            tour = recount_tour(tasks, ladder, limits)
            seconds.append(time.perf_counter() - began)
            shares.append(tour.cost / cost_of(tasks))
            searched.append(most(tasks, ladder, limits, tour.stops) / cost_of(tasks))
        told = f"{100 * statistics.mean(shares):5.1f} % {100 * statistics.mean(searched):5.1f} % {1000 * min(seconds):5.0f} ms"
        print(f"  {name}, costs' spread {spread}, {minutes} min: {told}", flush=True)


if __name__ == "__main__":
    bins()
    recounts()
