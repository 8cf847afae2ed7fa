"""A slice of the travel time: how it depends on where one more pick lies."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bintally.errors import UsageError
from bintally.layouts import Ladder, PickList
from warehouse.routing.pictures import words
from warehouse.routing.pictures.style import INK, check_suffix, style, write

Floats = npt.NDArray[np.float64]
Travel = Callable[[Sequence[PickList]], Sequence[float] | Floats]
"""The travel times, or lengths, of many pick lists."""
_HIGH, _HALF = 5.2, 0.43
"""Inches of the picture's height, and half of an aisle's width where aisles are 1 apart."""


def draw_slice(path: Path, ladder: Ladder, picks: PickList, travel: Travel, label: str, *, step_m: float | None = None) -> None:
    """Draw the travel time as a function of where one more pick lies: a slice in two dimensions, aisle and position.

    Args:
        path: where to; .svg, .pdf or .png.
        ladder: the warehouse.
        picks: those that stay where they are.
        travel: called once, with the list with one more pick for each cell of the picture.
        label: what ``travel`` gives, with its unit, such as ``travel time with an eleventh pick, s``.
        step_m: length of a cell; by default there are about 64 to an aisle.

    Raises:
        UsageError: another suffix, or a step that is not above 0.
        UnavailableError: the file cannot be written.
    """
    check_suffix(path)
    step = ladder.y_m[-1] / 64 if step_m is None else step_m
    if not step > 0:
        raise UsageError(f"a slice in steps of {step:g} m: they must be above 0")
    columns = [column for column, aisle in enumerate(ladder.aisles) if aisle]
    edges, blocks = cells(ladder, step)
    middles = (edges[1:] + edges[:-1]) / 2
    lists = [with_pick(picks, column, int(block), float(y)) for y, block in zip(middles, blocks, strict=True) for column in columns]
    # rounded, so that a constant is one and crosses no contour
    values = np.asarray(travel(lists), np.float64).round(6).reshape(len(middles), len(columns))
    with style():
        figure = _draw(ladder, picks, columns, edges, values, label)
        text = f"{words.warehouse(ladder)}, {len(picks)} picks; {label}: from {values.min():.6g} to {values.max():.6g}."
        write(path, figure, f"{label[:1].upper()}{label[1:]}", text)


def cells(ladder: Ladder, step_m: float) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The limits of the cells along an aisle, float64[n + 1], and the block of each, int64[n]; all cells of a block are alike."""
    counts = [max(1, round((high - low) / step_m)) for low, high in itertools.pairwise(ladder.y_m)]
    parts = [np.linspace(low, high, n, endpoint=False) for (low, high), n in zip(itertools.pairwise(ladder.y_m), counts, strict=True)]
    return np.append(np.concatenate(parts), ladder.y_m[-1]), np.repeat(np.arange(len(counts)), counts)


def with_pick(picks: PickList, column: int, block: int, y_m: float) -> PickList:
    """A list with one more item, at a place of its own or at one that the list has already."""
    before = (picks.columns < column) | ((picks.columns == column) & (picks.y_m < y_m))
    at = int(before.sum())
    if at < len(picks) and (picks.columns[at], picks.y_m[at]) == (column, y_m):
        more = picks.quantities.copy()
        more[at] += 1
        return PickList(picks.columns, picks.blocks, picks.y_m, more, picks.names)
    return PickList(
        np.insert(picks.columns, at, column),
        np.insert(picks.blocks, at, block),
        np.insert(picks.y_m, at, y_m),
        np.insert(picks.quantities, at, 1),
        (*picks.names[:at], "one more", *picks.names[at:]),
    )


def crossings(heights: Floats, values: Floats, levels: Floats) -> list[tuple[float, float]]:
    """Where a function along an aisle takes the values of contour lines: height and level, from the front to the back.

    Args:
        heights: float64[n], increasing.
        values: float64[n], of the function there, which is linear between them.
        levels: of the contour lines, increasing.
    """
    pairs = itertools.pairwise(zip(heights.tolist(), values.tolist(), strict=True))
    return [
        (y + (next_y - y) * (level - value) / (following - value), level)
        for (y, value), (next_y, following) in pairs
        for level in (levels if following > value else levels[::-1]).tolist()
        if (value < level) != (following < level)
    ]


def _draw(ladder: Ladder, picks: PickList, columns: Sequence[int], edges: Floats, values: Floats, label: str) -> Figure:
    figure = Figure(figsize=(max(4.6, min(20.0, 2.0 + 0.42 * len(columns))), _HIGH), layout="constrained")
    axes = figure.add_subplot()
    strips = np.full((len(values), 2 * len(columns) - 1), np.nan)
    strips[:, ::2] = values
    sides = np.concatenate([(index - _HALF, index + _HALF) for index in range(len(columns))])
    mesh = axes.pcolormesh(sides, edges, strips, cmap="cividis", rasterized=True)
    colours = figure.colorbar(mesh, label=label, pad=0.02, aspect=30)
    levels = np.asarray(MaxNLocator(7).tick_values(values.min(), values.max()))
    colours.set_ticks(levels[(levels >= values.min()) & (levels <= values.max())].tolist())
    for index, column in enumerate(columns):
        dots = picks.y_m[picks.columns == column].tolist()
        _draw_contours(axes, index, crossings((edges[1:] + edges[:-1]) / 2, values[:, index], levels), edges, values[:, index], dots)
    for y in ladder.y_m:
        axes.plot([-0.5, len(columns) - 0.5], [y, y], color=INK, linewidth=1.2, clip_on=False)
    if len(picks):
        at = np.searchsorted(columns, picks.columns)
        axes.plot(at, picks.y_m, "o", color="white", markeredgecolor=INK, markersize=6, markeredgewidth=1.3, clip_on=False, zorder=5)
    axes.set(xlabel="aisle", ylabel="position, m", xlim=(-0.5, len(columns) - 0.5), ylim=(edges[0], edges[-1]))
    axes.xaxis.set_major_locator(MaxNLocator(20, integer=True, min_n_ticks=1))
    axes.spines[:].set_visible(False)
    return figure


def _draw_contours(axes: Axes, aisle: int, found: list[tuple[float, float]], edges: Floats, values: Floats, dots: list[float]) -> None:
    """The contour lines of one aisle, each with its level if there is room; the value in the middle where no line crosses the aisle."""
    for y, _ in found:
        axes.plot([aisle - _HALF, aisle + _HALF], [y, y], color="white", linewidth=1.6, solid_capstyle="butt")
        axes.plot([aisle - _HALF, aisle + _HALF], [y, y], color=INK, linewidth=0.8, solid_capstyle="butt")
    if not found:
        stops = sorted([edges[0], edges[-1], *dots])
        _, y = max((b - a, (a + b) / 2) for a, b in itertools.pairwise(stops))
        found = [(y, round(float(values[min(len(values) - 1, np.searchsorted(edges, y, "right") - 1)]), 1))]
    taken = list(dots)
    paper = {"facecolor": "white", "edgecolor": "none", "boxstyle": "square,pad=0.1"}
    gap = 10.0 * (edges[-1] - edges[0]) / (72 * 0.85 * _HIGH)
    for y, level in found:
        if all(abs(y - other) >= gap for other in taken):
            axes.text(aisle, y, f"{level:.6g}", ha="center", va="center", fontsize=6.5, bbox=paper, zorder=6)
            taken.append(y)
