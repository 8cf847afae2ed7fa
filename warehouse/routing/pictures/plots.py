"""Measurements as plots: how the cost of a list grows, and how far the usual policies are from the optimum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from bintally.errors import UsageError
from warehouse.routing.pictures.lanes import spread
from warehouse.routing.pictures.style import BLUE, BROWN, FAINT, GREEN, INK, ORANGE, PURPLE, SKY, check_suffix, style, write

Panel = TypeVar("Panel", "Growth", "Excess")
Looks = dict[str, tuple[str, str, Any]]
_LOOKS = (  # colour, marker and dash of each curve: any one of the three would do
    (INK, "o", "solid"),
    (BLUE, "s", (0, (5, 1.5))),
    (ORANGE, "^", (0, (1, 1.2))),
    (GREEN, "D", (0, (6, 1.5, 1, 1.5))),
    (PURPLE, "v", (0, (3, 1, 1, 1, 1, 1))),
    (BROWN, "P", (0, (8, 3))),
    (SKY, "X", (0, (2, 2))),
)
_HIGH = 3.6


@dataclass(frozen=True)
class Curve:
    """Measured points.

    Attributes:
        name: stands at the curve's end.
        x, y: as many of each, x increasing.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.x or len(self.x) != len(self.y):
            raise UsageError(f"{self.name}: a curve needs as many x as y, and at least one: {len(self.x)} and {len(self.y)}")


@dataclass(frozen=True)
class Growth:
    """How the time of a list grows with one thing, while the others stay.

    Attributes:
        against: the thing, such as ``aisles``.
        curves: microseconds a list, or what the picture is labelled with.
        theory: what the time should be proportional to, at the x of the last curve, if a theory is drawn: it passes through that curve's
            last point.
        theory_name: stands at the theory's line, such as ``∝ aisles``.
        log_x: on a logarithmic axis, where a power is a straight line; else a geometric growth is one.
    """

    against: str
    curves: tuple[Curve, ...]
    theory: tuple[float, ...] = ()
    theory_name: str = ""
    log_x: bool = True

    def __post_init__(self) -> None:
        if not self.curves:
            raise UsageError(f"growth against {self.against}: at least one curve is needed")
        if self.theory and len(self.theory) != len(self.curves[-1].x):
            raise UsageError(f"growth against {self.against}: {len(self.theory)} values of theory for {len(self.curves[-1].x)} points")
        if min(min(self.theory, default=1), *(min((*curve.x, *curve.y)) for curve in self.curves)) <= 0:
            raise UsageError(f"growth against {self.against}: all values must be above 0 on logarithmic axes")


@dataclass(frozen=True)
class Excess:
    """Policies' mean excess over the shortest tours, in one warehouse.

    Attributes:
        title: of the panel, such as ``2 cross aisles``.
        curves: one a policy: per cent against the number of picks.
    """

    title: str
    curves: tuple[Curve, ...]

    def __post_init__(self) -> None:
        if not self.curves:
            raise UsageError(f"excess, {self.title}: at least one curve is needed")


def draw_growth(path: Path, growths: Sequence[Growth], title: str = "How the time of a list grows", label: str = "time a list, µs") -> None:
    """Draw how the time of a list, or something else, grows, a panel for each cause.

    Args:
        path: where to; .svg, .pdf or .png.
        growths: the panels, at least one.
        title: of the picture.
        label: of the values.

    Raises:
        UsageError: another suffix, or nothing to draw.
        UnavailableError: the file cannot be written.
    """

    def draw(axes: Axes, growth: Growth, looks: Looks) -> None:
        axes.set(xlabel=growth.against, yscale="log", xscale="log" if growth.log_x else "linear")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        if growth.theory:
            last = growth.curves[-1]
            scaled = [last.y[-1] * value / growth.theory[-1] for value in growth.theory]
            axes.plot(last.x, scaled, color=FAINT, linewidth=0.9, zorder=1)
            middle = len(scaled) // 2
            # lines rise: above them there is room on the left, below them on the right; not on the measured curve's side
            offset, *sides = ((-4, 3), "right", "bottom") if scaled[middle] >= last.y[middle] else ((4, -3), "left", "top")
            at = (last.x[middle], scaled[middle])
            axes.annotate(growth.theory_name, at, offset, textcoords="offset points", color=FAINT, ha=sides[0], va=sides[1])
        _draw_curves(axes, growth.curves, looks)

    _draw(path, title, label, [(growth.against, growth) for growth in growths], draw)


def draw_excess(path: Path, panels: Sequence[Excess]) -> None:
    """Draw how much longer the policies' tours are than the shortest ones, a panel for each warehouse, all to one scale.

    Args:
        path: where to; .svg, .pdf or .png.
        panels: at least one.

    Raises:
        UsageError: another suffix, or nothing to draw.
        UnavailableError: the file cannot be written.
    """
    highest = max((value for panel in panels for curve in panel.curves for value in curve.y), default=0.0)

    def draw(axes: Axes, panel: Excess, looks: Looks) -> None:
        axes.set(xlabel="picks", title=panel.title, ylim=(0, 1.05 * highest or 1.0))
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        _draw_curves(axes, panel.curves, looks)

    named = [(panel.title, panel) for panel in panels]
    _draw(path, "Excess of the policies over the shortest tours", "excess over the shortest tour", named, draw)


def _draw(path: Path, title: str, label: str, panels: Sequence[tuple[str, Panel]], draw: Callable[[Axes, Panel, Looks], None]) -> None:
    check_suffix(path)
    if not panels:
        raise UsageError(f"{path}: no measurements to draw; give at least one panel")
    names = dict.fromkeys(curve.name for _, panel in panels for curve in panel.curves)
    looks: Looks = {name: _LOOKS[index % len(_LOOKS)] for index, name in enumerate(names)}
    with style():
        figure = Figure(figsize=(0.5 + 3.7 * len(panels), _HIGH), layout="constrained")
        for index, (axes, (_, panel)) in enumerate(zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True)):
            draw(axes, panel, looks)
            axes.set_ylabel("" if index else label)
        lines = [f"{name}, {curve.name}: {_told(curve)}" for name, panel in panels for curve in panel.curves]
        write(path, figure, title, f"{label[:1].upper()}{label[1:]}. " + ". ".join(lines) + ".")


def _told(curve: Curve) -> str:
    return ", ".join(f"{y:.4g} at {x:g}" for x, y in zip(curve.x, curve.y, strict=True))


def _draw_curves(axes: Axes, curves: Sequence[Curve], looks: Looks) -> None:
    """The curves, ticks where they were measured, and their names at their ends, moved apart."""
    for curve in curves:
        colour, marker, dash = looks[curve.name]
        axes.plot(
            curve.x,
            curve.y,
            color=colour,
            marker=marker,
            linestyle=dash,
            linewidth=1.4,
            markersize=5.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            zorder=3,
        )
    axes.xaxis.set_major_locator(FixedLocator(sorted({x for curve in curves for x in curve.x})))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.autoscale_view()  # limits are set only now, and the names' heights depend on them
    to_share = axes.transScale + axes.transLimits
    ends = sorted(((float(to_share.transform((curve.x[-1], curve.y[-1]))[1]), curve) for curve in curves), key=lambda end: end[0])
    heights = spread([height for height, _ in ends], 11 / (0.78 * 72 * _HIGH), 0.0, 1.0)
    for (_, curve), height in zip(ends, heights, strict=True):
        colour = looks[curve.name][0]
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 4}
        axes.annotate(
            curve.name, (curve.x[-1], curve.y[-1]), (1.05, height), textcoords="axes fraction", va="center", color=colour, arrowprops=line
        )
