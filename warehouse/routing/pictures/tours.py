"""Tours side by side: the ladder, the picks in the order of their visits, the worker's walk, and the cart's way and stands."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Polygon, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.transforms import Bbox

from bintally.errors import UsageError
from bintally.layouts import Ladder, PickList
from warehouse.routing.cart.schedule import Schedule
from warehouse.routing.pictures import words
from warehouse.routing.pictures.lanes import Run, arrow_spots, free_spot, lanes_of, polyline, runs_of, visit_spots
from warehouse.routing.pictures.sheet import LANE, LETTER, Room, Sheet, sheet_of
from warehouse.routing.pictures.style import BLUE, FAINT, INK, ORANGE, SHELF, check_suffix, style, write
from warehouse.routing.pictures.walks import Strand, Walk, depot_spot, walk_of
from warehouse.routing.tour import Tour

_BESIDE, _BELOW, _ABOVE, _LEGEND = 36.0, 38.0, 46.0, 44.0
"""Margins: of the ladder on both sides, below (with the outcome) and above (with the title); and of the page below (with the legend)."""
_NARROWEST, _WIDE = 250.0, 1500.0
"""Of a panel, so that words fit; and of all panels that stand side by side, else they stand below each other."""
_WALKED: dict[str, Any] = {"color": BLUE, "linewidth": 1.3}
_PUSHED: dict[str, Any] = {"color": ORANGE, "linewidth": 3.4, "linestyle": (0, (2.2, 0.9))}
_HEAD = ((4.2, 0.0), (-2.6, 2.9), (-2.6, -2.9))


@dataclass(frozen=True)
class _Panel:
    """One tour, with its walk in runs and lanes."""

    title: str
    picks: PickList
    drawn: Tour | Schedule
    walk: Walk
    runs: tuple[tuple[Run, ...], ...]
    lanes: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, ladder: Ladder, picks: PickList, title: str, drawn: Tour | Schedule) -> _Panel:
        walk = walk_of(ladder, drawn)
        if len(walk.order) < len(picks):
            raise UsageError(f"{title}: this tour reaches {len(walk.order)} of {len(picks)} picks; draw a tour of the same list")
        runs = tuple(runs_of(strand.spots) for strand in walk.strands)
        return cls(title, picks, drawn, walk, runs, lanes_of(runs))

    def widest(self, upright: bool) -> float:
        """How far its lanes reach from the centre lines of aisles, or of cross aisles."""
        pairs = zip(itertools.chain.from_iterable(self.runs), itertools.chain.from_iterable(self.lanes), strict=True)
        return max((abs(lane) for run, lane in pairs if run.upright == upright), default=0.0)


@dataclass(frozen=True)
class _Line:
    """A strand on the page: its runs and how far each is set off, in points."""

    strand: Strand
    runs: tuple[Run, ...]
    shifts: tuple[float, ...]

    @classmethod
    def of(cls, sheet: Sheet, strand: Strand, runs: Sequence[Run], lanes: Sequence[float]) -> _Line:
        return cls(strand, tuple(map(sheet.run, runs)), tuple(LANE * lane for lane in lanes))


def draw_tours(path: Path, ladder: Ladder, picks: PickList, drawn: Sequence[tuple[str, Tour | Schedule]]) -> None:
    """Draw tours of one pick list, for comparison.

    Args:
        path: where to; .svg, .pdf or .png.
        ladder: the warehouse.
        picks: the list that all tours fetch.
        drawn: title and tour, or schedule, of each panel; at least one.

    Raises:
        UsageError: another suffix, nothing to draw, or a tour that does not reach every pick.
        UnavailableError: the file cannot be written.
    """
    check_suffix(path)
    if not drawn:
        raise UsageError(f"{path}: no tour to draw; name at least one")
    panels = [_Panel.of(ladder, picks, title, one) for title, one in drawn]
    outcomes = [words.outcome(one, [other for _, other in drawn]) for _, one in drawn]
    _draw(path, ladder, panels, outcomes, f"{words.warehouse(ladder)}, {len(picks)} picks")


def draw_lists(path: Path, ladder: Ladder, drawn: Sequence[tuple[str, PickList, Tour | Schedule]]) -> None:
    """Draw several pick lists of one warehouse, each with its tour, to one scale.

    Args:
        path: where to; .svg, .pdf or .png.
        ladder: the warehouse.
        drawn: title, list and tour, or schedule, of each panel; at least one.

    Raises:
        UsageError: another suffix, nothing to draw, or a tour that does not reach every pick of its list.
        UnavailableError: the file cannot be written.
    """
    check_suffix(path)
    if not drawn:
        raise UsageError(f"{path}: no list to draw; name at least one")
    panels = [_Panel.of(ladder, picks, title, one) for title, picks, one in drawn]
    told = " and ".join(str(len(picks)) for _, picks, _ in drawn)
    _draw(path, ladder, panels, [words.outcome(one) for _, _, one in drawn], f"{words.warehouse(ladder)}, {told} picks")


def _draw(path: Path, ladder: Ladder, panels: Sequence[_Panel], outcomes: Sequence[str], what: str) -> None:
    widest = max((_widest_label(panel.picks) for panel in panels), key=len)
    room = Room(
        aisle=max(7.0, max(panel.widest(upright=True) for panel in panels) * LANE + 4),
        cross_aisle=max(9.0, max(panel.widest(upright=False) for panel in panels) * LANE + 4),
        label=LETTER * len(widest) + 5,
    )
    sheet = sheet_of(ladder, [panel.picks for panel in panels], room)
    with style():
        figure = _compose(sheet, panels, outcomes)
        told = "; ".join(f"{panel.title}: {outcome}" for panel, outcome in zip(panels, outcomes, strict=True))
        write(path, figure, "Pick tours", f"{what}. {told}.")


def _widest_label(picks: PickList) -> str:
    return words.pick_label(len(picks), int(picks.quantities.max(initial=1)))


def _compose(sheet: Sheet, panels: Sequence[_Panel], outcomes: Sequence[str]) -> Figure:
    frame = _frame(sheet)
    abreast = max(1, min(len(panels), int(_WIDE // frame.width)))
    rows = -(-len(panels) // abreast)
    page_width, page_height = abreast * frame.width, rows * frame.height + _LEGEND
    figure = Figure(figsize=(page_width / 72, page_height / 72))
    for index, (panel, outcome) in enumerate(zip(panels, outcomes, strict=True)):
        row, column = divmod(index, abreast)
        corner = (column * frame.width / page_width, (page_height - (row + 1) * frame.height) / page_height)
        axes = figure.add_axes((*corner, frame.width / page_width, frame.height / page_height))
        axes.set_axis_off()
        axes.set(xlim=(frame.x0, frame.x0 + frame.width), ylim=(frame.y0, frame.y0 + frame.height))
        _draw_ladder(axes, sheet, frame)
        _draw_panel(axes, sheet, panel, f"panel-{index + 1}")
        _draw_words(axes, frame, panel.title, outcome)
    _legend(figure, sheet, panels)
    return figure


def _frame(sheet: Sheet) -> Bbox:
    """The part of the page that a panel takes: the ladder, the depots outside it, and margins for words."""
    edge, half = sheet.edge, sheet.room.cross_aisle
    spots = (depot_spot(sheet.ladder, place) for place in (sheet.ladder.start, *sheet.ladder.ends))
    outside = [sheet.spot(spot) for spot in spots if spot is not None]
    x, y = zip((-edge, -half), (sheet.width + edge, sheet.height + half), *outside, strict=True)
    left, right, bottom, top = min(x) - _BESIDE, max(x) + _BESIDE, min(y) - _BELOW, max(y) + _ABOVE
    spare = max(0.0, _NARROWEST - (right - left)) / 2
    return Bbox.from_extents(left - spare, bottom, right + spare, top)


def _draw_words(axes: Axes, frame: Bbox, title: str, outcome: str) -> None:
    letters = int((frame.width - 16) / LETTER)
    axes.text(frame.x0 + 8, frame.y1 - 6, textwrap.fill(title, letters), fontsize=10, fontweight="bold", va="top")
    axes.text(frame.x0 + 8, frame.y0 + _BELOW - 14, textwrap.fill(outcome, letters), va="top")


def _draw_ladder(axes: Axes, sheet: Sheet, frame: Bbox) -> None:
    ladder = sheet.ladder
    for left, bottom, width, height in sheet.shelves():
        axes.add_patch(Rectangle((left, bottom), width, height, facecolor=SHELF, edgecolor="#c4c4c4", linewidth=0.5))
    names = [index for index, aisle in enumerate(ladder.aisles) if aisle]
    for name, column in enumerate(names):
        axes.text(sheet.x(ladder.x_m[column]), frame.y1 - _ABOVE + 10, str(name), ha="center", fontsize=7, color=FAINT)
    axes.text(frame.x0 + 8, frame.y1 - _ABOVE + 10, "aisle", fontsize=7, color=FAINT)
    for y_m in ladder.y_m:
        axes.text(frame.x0 + 8, sheet.y(y_m), f"{y_m:g} m", va="center", fontsize=7, color=FAINT)
    _draw_one_ways(axes, sheet)


def _draw_one_ways(axes: Axes, sheet: Sheet) -> None:
    """Hollow heads at the ends of the shelves, or of the cross aisles."""
    ladder, ways = sheet.ladder, sheet.ladder.ways
    for x_m, way in zip(ladder.x_m, ways.columns, strict=True):
        for low, high in itertools.pairwise(map(sheet.y, ladder.y_m)) if way else ():
            for y in (low + sheet.room.cross_aisle + 4, high - sheet.room.cross_aisle - 4):
                _head(axes, sheet.x(x_m), y, (0, way), 1.2, edgecolor=FAINT, facecolor="white")
    for y_m, way in zip(ladder.y_m, ways.cross_aisles, strict=True):
        for x in (-sheet.edge, sheet.width + sheet.edge) if way else ():
            _head(axes, x, sheet.y(y_m), (way, 0), 1.2, edgecolor=FAINT, facecolor="white")


def _draw_panel(axes: Axes, sheet: Sheet, panel: _Panel, name: str) -> None:
    picks = panel.picks
    lines = [_Line.of(sheet, *each) for each in zip(panel.walk.strands, panel.runs, panel.lanes, strict=True) if each[1]]
    for line in lines:
        _draw_line(axes, line)
    _draw_loop_names(axes, lines, [sheet.spot(stand) for stand in panel.walk.stands.values()])
    order, labels = panel.walk.order, sheet.labels(picks)
    for pick, (x, y) in labels.items():
        text = words.pick_label(order[pick], int(picks.quantities[pick]))
        side = "left" if x > sheet.x(sheet.ladder.x_m[picks.columns[pick]]) else "right"
        axes.text(x, y, text, ha=side, va="center_baseline", fontsize=7, fontweight="bold", gid=f"{name}-pick-{pick}", zorder=6)
        _lead(axes, sheet, picks, pick, (x, y))
    for letter, spot in panel.walk.stands.items():
        x, y = sheet.spot(spot)
        half = max(5.5, 0.5 * LETTER * len(letter) + 3)
        axes.add_patch(Rectangle((x - half, y - 5.5), 2 * half, 11, facecolor="white", edgecolor=INK, linewidth=1.4, zorder=7))
        axes.text(x, y - 0.3, letter, ha="center", va="center", fontsize=7.5, fontweight="bold", zorder=8)
    _draw_depots(axes, sheet)
    if not panel.walk.strands:
        says = {"facecolor": "white", "edgecolor": FAINT, "boxstyle": "round,pad=0.5"}
        axes.text(sheet.width / 2, sheet.height / 2, "nothing to pick", ha="center", va="center", fontsize=10, bbox=says, zorder=9)


def _draw_line(axes: Axes, line: _Line) -> None:
    pushed = line.strand.pushed
    looks = _PUSHED if pushed else _WALKED
    axes.add_patch(PathPatch(rounded(polyline(line.runs, line.shifts), 3.0), fill=False, zorder=2 if pushed else 3, **looks))
    for run, shift in zip(line.runs, line.shifts, strict=True):
        way = (0, 1 if run.onward else -1) if run.upright else (1 if run.onward else -1, 0)
        for x, y in arrow_spots(run, shift, 12.0, 150.0):
            _head(axes, x, y, way, 1.25 if pushed else 1.0, facecolor=INK if pushed else BLUE, edgecolor="white")
    for _, x, y in visit_spots(line.runs, line.shifts):
        axes.plot(x, y, "o", color=INK, markersize=4.6, markeredgecolor="white", markeredgewidth=0.6, zorder=5.5)


def _draw_loop_names(axes: Axes, lines: Sequence[_Line], stands: Sequence[tuple[float, float]]) -> None:
    """Each at its loop's beginning, but not upon a stand, a pick or another name."""
    taken = [*stands] + [(x, y) for line in lines for _, x, y in visit_spots(line.runs, line.shifts)]
    box = {"facecolor": "white", "edgecolor": "none", "boxstyle": "square,pad=0.08"}
    for line in lines:
        if line.strand.loop:
            x, y = free_spot(polyline(line.runs, line.shifts), 20.0 + abs(line.shifts[0]), taken, 10.0)
            axes.text(x, y, line.strand.loop, ha="center", va="center", fontsize=6, color=BLUE, bbox=box, zorder=5)
            taken.append((x, y))


def _lead(axes: Axes, sheet: Sheet, picks: PickList, pick: int, label: tuple[float, float]) -> None:
    """A line from a pick's place to its label, where the label had to move."""
    y = sheet.y(float(picks.y_m[pick]))
    if abs(y - label[1]) > 1:
        x = sheet.x(sheet.ladder.x_m[picks.columns[pick]])
        side = 1 if label[0] > x else -1
        axes.plot([x + side * 3, x + side * (sheet.room.aisle + 1.5)], [y, label[1]], color=FAINT, linewidth=0.5, zorder=1)


def _draw_depots(axes: Axes, sheet: Sheet) -> None:
    for place, text in words.depots(sheet.ladder):
        spot = depot_spot(sheet.ladder, place)
        if spot is None:
            to_x, to_y = sheet.x(sheet.ladder.x_m[place.column]), sheet.y(sheet.ladder.y_m[place.cross_aisle])
            x, y = to_x - sheet.room.aisle - 4, to_y - sheet.room.cross_aisle - 4
            axes.plot([x, to_x], [y, to_y], color=INK, linewidth=0.8, zorder=1)
        else:
            x, y = sheet.spot(spot)
        shape, face = ("h", "white") if text.startswith("drop-off") else ("p", INK)
        axes.plot(x, y, shape, color=face, markeredgecolor=INK, markersize=9, markeredgewidth=1.5, zorder=7)
        if 0 <= x <= sheet.width:
            side = -1 if x > max(sheet.width / 2, 1) else 1
            axes.text(x + 9 * side, y - 2, text, ha="left" if side > 0 else "right", va="center", fontsize=7.5, zorder=7)
        else:
            axes.text(x, y - 8, text.replace(", ", ",\n"), ha="center", va="top", fontsize=7.5, zorder=7)


def _head(axes: Axes, x: float, y: float, way: tuple[int, int], size: float, **colours: str) -> None:
    """An arrow head that points along (1, 0), (-1, 0), (0, 1) or (0, -1)."""
    corners = [(x + size * (way[0] * a - way[1] * b), y + size * (way[1] * a + way[0] * b)) for a, b in _HEAD]
    axes.add_patch(Polygon(corners, closed=True, linewidth=0.5, zorder=4, **colours))


def rounded(corners: Sequence[tuple[float, float]], radius: float) -> Outline:
    """A line with its corners cut off by curves, by at most half of the shorter side."""
    points, codes = [corners[0]], [Outline.MOVETO]
    for before, at, after in zip(corners, corners[1:], corners[2:], strict=False):
        points += [_towards(at, before, radius), at, _towards(at, after, radius)]
        codes += [Outline.LINETO, Outline.CURVE3, Outline.CURVE3]
    return Outline([*points, corners[-1]], [*codes, Outline.LINETO])


def _towards(a: tuple[float, float], b: tuple[float, float], distance: float) -> tuple[float, float]:
    share = min(0.5, distance / max(abs(b[0] - a[0]), abs(b[1] - a[1])))
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])


def _legend(figure: Figure, sheet: Sheet, panels: Sequence[_Panel]) -> None:
    width = 72 * figure.get_size_inches()[0]
    entries = [Line2D([], [], label="walk", **_WALKED)]
    if any(isinstance(panel.drawn, Schedule) for panel in panels):
        parked = _marker("s", "cart is parked, and loops A1, A2 … are walked from it", markersize=8, markeredgewidth=1.4)
        entries += [Line2D([], [], label="cart is pushed", **_PUSHED), parked]
    entries.append(_marker("o", "pick, numbered in the order of visits", markersize=4.6, markerfacecolor=INK))
    if any((*sheet.ladder.ways.columns, *sheet.ladder.ways.cross_aisles)):
        entries.append(_marker("^", "one way", markeredgecolor=FAINT))
    widths = [4.4 * len(str(entry.get_label())) + 52 for entry in entries]
    columns = len(entries) if sum(widths) < width else max(1, int(width // max(widths)))
    figure.legend(
        handles=entries,
        loc="lower center",
        ncols=columns,
        handlelength=2.6,
        fontsize=8,
        bbox_to_anchor=(0.5, 14 / 72 / figure.get_size_inches()[1]),
    )
    if abs(sheet.along / sheet.across - 1) > 0.01:
        note = f"Lengths of aisles are drawn at {sheet.along / sheet.across:.2g} times the scale of the distances between them."
        figure.text(0.5, 0.0, textwrap.fill(note, int(width / 3.6)), ha="center", va="bottom", fontsize=6.5, color=FAINT)


def _marker(shape: str, label: str, **looks: Any) -> Line2D:
    return Line2D([], [], linestyle="none", marker=shape, label=label, **({"markerfacecolor": "white", "markeredgecolor": INK} | looks))
