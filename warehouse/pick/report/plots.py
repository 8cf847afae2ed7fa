"""Figures 6 and 7, in the style of all pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from warehouse.pick.bench.estimator import Scores
from warehouse.routing.exact.sweep import Floats, Ints
from warehouse.routing.pictures.style import BLUE, FAINT, INK, ORANGE, style, write

_BINS = 60
_SIZE = (5.6, 3.4)


@dataclass(frozen=True)
class Histogram:
    """How often errors are how large.

    Attributes:
        edges: float64[bins + 1], around 0.
        counts: int64[bins].
        outside: lists with errors beyond the edges.
    """

    edges: Floats
    counts: Ints
    outside: int

    @classmethod
    def of(cls, signed: Floats) -> Histogram:
        """Of float64[n], estimated ÷ calculated − 1; as wide as all but the worst 1 % of them, so that the others can be seen."""
        reach = float(np.quantile(np.abs(signed), 0.99)) or 1e-6
        counts, edges = np.histogram(signed, _BINS, (-reach, reach))
        return cls(edges, counts, len(signed) - int(counts.sum()))


def draw_histogram(path: Path, histogram: Histogram, scores: Scores, theirs: float) -> None:
    """Figure 6.

    Args:
        path: where to; .svg, .pdf or .png.
        histogram: of the errors.
        scores: of the same lists.
        theirs: the second seed system's mean error.

    Raises:
        UnavailableError: the file cannot be written.
    """
    edges = 100 * histogram.edges
    with style():
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        axes.bar(edges[:-1], histogram.counts, np.diff(edges), align="edge", color=BLUE, edgecolor="white", linewidth=0.4)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set(xlabel="estimated ÷ calculated − 1, %", ylabel="lists", xlim=(edges[0], edges[-1]), ylim=(0, 1.2 * max(histogram.counts)))
        means = f"mean |error| {100 * scores.error:.2f} %\nworst 1 %: {100 * scores.worst:.1f} %\n(seed system: {100 * theirs:.3f} %)"
        axes.text(0.99, 0.98, means, transform=axes.transAxes, ha="right", va="top")
        beyond = f"{histogram.outside} of {scores.lists:,} lists lie beyond"
        axes.text(0.01, 0.98, beyond, transform=axes.transAxes, ha="left", va="top", color=FAINT)
        told = f"{scores.lists} lists; the mean of the errors without their signs is {scores.error:.3%}, with them {scores.bias:+.3%}. {beyond}."
        write(path, figure, "Relative errors of estimated travel times", told)


def draw_improvement(path: Path, tries: Sequence[int], estimated: Sequence[float], calculated: Sequence[float], theirs: float) -> None:
    """Figure 7.

    Args:
        path: where to; .svg, .pdf or .png.
        tries: of annealing, at each point.
        estimated: share by which the lists of that moment are faster than random ones, as estimated,
        calculated: and as calculated.
        theirs: the second seed system's saving.

    Raises:
        UnavailableError: the file cannot be written.
    """
    with style():
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        axes.axhline(0, color=FAINT, linewidth=0.8)
        axes.axhline(100 * theirs, color=FAINT, linewidth=0.8, linestyle=(0, (6, 3)))
        axes.annotate("seed system", (1, 100 * theirs), (0, 3), ("axes fraction", "data"), "offset points", color=FAINT, ha="right")
        curves = ((estimated, "estimated", ORANGE, "--", 1.6), (calculated, "calculated", INK, "-", 1.2))
        for values, name, colour, dash, width in curves:
            axes.plot(tries, 100 * np.array(values), dash, color=colour, linewidth=width, label=name)
        axes.set(xlabel="tries of annealing", ylabel="travel time below random splits, %", xlim=(0, tries[-1]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.legend(loc="lower right")
        told = f"After {tries[-1]:,} tries the lists are {estimated[-1]:.1%} faster than random ones as estimated, {calculated[-1]:.1%} as calculated."
        write(path, figure, "Improvement during annealing", told)
