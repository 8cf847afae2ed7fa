"""A day as a picture: how many orders come and wait, and how far everybody has walked, by rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from warehouse.arrivals.demand import Demand, clock
from warehouse.arrivals.figures import waiting_of, walked_of
from warehouse.arrivals.simulate import Day
from warehouse.batching.problem import Floats
from warehouse.routing.pictures.lanes import spread
from warehouse.routing.pictures.style import BLUE, FAINT, GREEN, INK, ORANGE, style, write

_LOOKS = ((ORANGE, (0, (1, 1.2))), (BLUE, (0, (5, 1.5))), (GREEN, (0, (6, 1.5, 1, 1.5))), (INK, "solid"))
_QUARTER_S = 900.0
_MEAN_S = 300.0
"""Queues rise and fall with every list that leaves; means over five minutes show where they are going."""
_HIGH = 2.6
_GAP = 11 / (0.72 * 72 * _HIGH)
"""Between two names, as a share of a panel's height."""


def draw_day(path: Path, demand: Demand, days: Sequence[Day], title: str) -> None:
    """Draw a day under several rules: the orders that come, those that wait, and the kilometres walked.

    Args:
        path: where to; .svg, .pdf or .png.
        demand: of the day.
        days: one for each rule.
        title: what was simulated.

    Raises:
        UsageError: another suffix.
        UnavailableError: the file cannot be written.
    """
    with style():
        figure = Figure(figsize=(7.6, 2.4 * _HIGH + 0.4), layout="constrained")
        top, above, below = figure.subplots(3, 1, sharex=True, height_ratios=(0.4, 1, 1))
        waiting, walked = [waiting_of(demand, day) for day in days], [_kilometres(demand, day) for day in days]
        _bars(top, demand)
        _curves(above, days, [_means(*one) for one in waiting], "highest")
        _curves(below, days, walked, "last")
        top.set(title=title, ylabel="orders come,\na quarter hour")
        above.set(ylabel="orders wait")
        below.set(ylabel="km walked, of ended tours")
        for axes in (top, above, below):
            axes.set(ylim=(0, None), axisbelow=True)
            axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        below.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 3, 6, 10], integer=True))
        below.xaxis.set_major_formatter(FuncFormatter(lambda hours, _: f"{hours:g}:00" if hours == int(hours) else clock(3600 * hours)))
        write(path, figure, title, " ".join(_told(day, *both) for day, *both in zip(days, waiting, walked, strict=True)))


def _bars(axes: Axes, demand: Demand) -> None:
    edges = np.arange(demand.begin_s, demand.came_s[-1] + _QUARTER_S, _QUARTER_S)
    counts, _ = np.histogram(demand.came_s, [*edges, edges[-1] + _QUARTER_S])
    axes.bar(edges / 3600, counts, _QUARTER_S / 3600, align="edge", color=FAINT, edgecolor="white", linewidth=0.5)


def _curves(axes: Axes, days: Sequence[Day], curves: Sequence[tuple[Floats, Floats]], named_at: str) -> None:
    """The curves of all days, their names at the right, in the order of their highest or their last values."""
    for index, (at_s, values) in enumerate(curves):
        colour, dash = _LOOKS[index % len(_LOOKS)]
        axes.plot(at_s / 3600, values, color=colour, linestyle=dash, linewidth=1.3, zorder=3)
    axes.set_ylim(top=1.08 * max(values.max() for _, values in curves) or 1.0)
    named = [int(np.argmax(values)) if named_at == "highest" else len(values) - 1 for _, values in curves]
    ends = sorted((float(values[at]), index) for index, ((_, values), at) in enumerate(zip(curves, named, strict=True)))
    heights = spread([value / axes.get_ylim()[1] for value, _ in ends], _GAP, 0.0, 1.0)
    for (value, index), height in zip(ends, heights, strict=True):
        colour, _ = _LOOKS[index % len(_LOOKS)]
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 2}
        at = (curves[index][0][named[index]] / 3600, value)
        axes.annotate(days[index].rule, at, (1.03, height), textcoords="axes fraction", va="center", color=colour, arrowprops=line)


def _means(at_s: Floats, values: Floats) -> tuple[Floats, Floats]:
    """The means of a step function over slices of time, each at its slice's middle."""
    areas = np.concatenate([[0.0], np.cumsum(values[:-1] * np.diff(at_s))])
    edges = np.arange(at_s[0], at_s[-1] + _MEAN_S, _MEAN_S)
    if len(edges) < 2:
        return at_s, values
    return (edges[1:] + edges[:-1]) / 2, np.diff(np.interp(edges, at_s, areas)) / _MEAN_S


def _kilometres(demand: Demand, day: Day) -> tuple[Floats, Floats]:
    at_s, walked_m = walked_of(day)
    return np.concatenate([[demand.begin_s], at_s]), np.concatenate([[0.0], walked_m / 1000])


def _told(day: Day, waiting: tuple[Floats, Floats], walked: tuple[Floats, Floats]) -> str:
    most = int(np.argmax(waiting[1]))
    return (
        f"{day.rule}: at most {waiting[1][most]:.0f} orders wait, at {clock(waiting[0][most])}; {walked[1][-1]:.1f} km are walked by "
        f"{clock(walked[0][-1])}."
    )
