"""Where lines are drawn: a stretch that is walked several times gets several lanes, side by side, as on a road.

Lanes are ordered so that lines cross as little as they can: each lies on the side from which it is entered and to which it is left, and of
several on one side the longer ones go around the shorter ones. Where nothing speaks for a side, the walk keeps to the right.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from warehouse.routing.pictures.walks import Spot


@dataclass(frozen=True)
class Run:
    """A straight walk in one direction: from turn to turn.

    Attributes:
        upright: along an aisle, else along a cross aisle.
        track: x of that aisle or y of that cross aisle.
        start, stop: along the track; never the same.
        visits: the places where it picks, with the picks, in order.
    """

    upright: bool
    track: float
    start: float
    stop: float
    visits: tuple[tuple[float, int], ...] = ()

    @property
    def span(self) -> tuple[float, float]:
        """From its lower to its upper end."""
        return min(self.start, self.stop), max(self.start, self.stop)

    @property
    def onward(self) -> bool:
        """Towards the back, or towards the last column."""
        return self.stop > self.start


def runs_of(spots: Sequence[Spot]) -> tuple[Run, ...]:
    """The runs of a walk; none if it never leaves its place.

    Args:
        spots: of the walk; neighbours have the same x or the same y.
    """
    places = [(at, tuple(spot.pick for spot in here if spot.pick is not None)) for at, here in itertools.groupby(spots, _place)]
    runs: list[Run] = []
    for ((x, y), before), ((to_x, to_y), picks) in itertools.pairwise(places):
        upright = x == to_x
        track, start, stop = (x, y, to_y) if upright else (y, x, to_x)
        visits = tuple((stop, pick) for pick in picks)
        if runs and (runs[-1].upright, runs[-1].onward) == (upright, stop > start):
            runs[-1] = replace(runs[-1], stop=stop, visits=runs[-1].visits + visits)
        else:
            first = () if runs else tuple((start, pick) for pick in before)
            runs.append(Run(upright, track, start, stop, first + visits))
    return tuple(runs)


def lanes_of(strands: Sequence[Sequence[Run]]) -> tuple[tuple[float, ...], ...]:
    """How far each run is set off its track's centre line, in lanes: towards the last column in an aisle, towards the back in a cross aisle.

    Runs of one track that share a stretch never share a lane; a run that is alone on its stretch stays on the centre line.
    """
    runs = list(itertools.chain.from_iterable(strands))
    leans = list(itertools.chain.from_iterable(map(_leans, strands)))
    lanes = [0.0] * len(runs)
    for road in _roads(runs):
        placed: dict[int, int] = {}
        for index in sorted(road, key=lambda index: (*_rank(runs[index], leans[index]), index)):
            low, high = runs[index].span
            beside = [lane for other, lane in placed.items() if runs[other].span[0] < high and low < runs[other].span[1]]
            placed[index] = max(beside, default=-1) + 1
        for index, lane in placed.items():
            lanes[index] = lane - max(placed.values()) / 2
    flat = iter(lanes)
    return tuple(tuple(itertools.islice(flat, len(strand))) for strand in strands)


def polyline(runs: Sequence[Run], shifts: Sequence[float]) -> list[tuple[float, float]]:
    """The corners of a strand's line, which begins and ends on the centre lines.

    Args:
        runs: of the strand, at least one, in units of the page.
        shifts: how far each is set off its track's centre line, in the same units.
    """
    corners = [_at(runs[0], 0.0, runs[0].start)]
    turns = zip(runs, shifts, strict=True)
    corners.append(_at(runs[0], shifts[0], runs[0].start))
    for (run, shift), (following, following_shift) in itertools.pairwise(turns):
        if run.upright == following.upright:
            corners += [_at(run, shift, run.stop), _at(following, following_shift, following.start)]
        else:
            here, there = run.track + shift, following.track + following_shift
            corners.append((here, there) if run.upright else (there, here))
    corners += [_at(runs[-1], shifts[-1], runs[-1].stop), _at(runs[-1], 0.0, runs[-1].stop)]
    return [corner for corner, _ in itertools.groupby(corners)]


def visit_spots(runs: Sequence[Run], shifts: Sequence[float]) -> list[tuple[int, float, float]]:
    """Each visit's pick, x and y on the strand's line; where the walk turns back, between its two lanes."""
    found = []
    for index, (run, shift) in enumerate(zip(runs, shifts, strict=True)):
        following = runs[index + 1] if index + 1 < len(runs) else None
        for position, pick in run.visits:
            turns_back = following is not None and position == run.stop and following.upright == run.upright
            between = (shift + shifts[index + 1]) / 2 if turns_back else shift
            found.append((pick, *_at(run, between, position)))
    return found


def arrow_spots(run: Run, shift: float, shortest: float, every: float) -> list[tuple[float, float]]:
    """Where arrow heads stand: in the middle of the longest stretch between two picks, and of every other long one.

    Args:
        run: in units of the page.
        shift: how far it is set off its track's centre line.
        shortest: stretches below it have no room for a head.
        every: stretches above it get a head each.
    """
    stops = sorted({*run.span, *(position for position, _ in run.visits)})
    stretches = sorted(((b - a, (a + b) / 2) for a, b in itertools.pairwise(stops)), reverse=True)
    return [_at(run, shift, at) for rank, (length, at) in enumerate(stretches) if length >= (every if rank else shortest)]


def free_spot(
    corners: Sequence[tuple[float, float]], first: float, taken: Sequence[tuple[float, float]], away: float
) -> tuple[float, float]:
    """Where a line's name stands: on its first half, as near to its beginning as nothing is in the way, else beside its middle.

    Args:
        corners: of the line, at least two.
        first: no nearer to the beginning than this, if the line is long enough.
        taken: what is in the way.
        away: how far to stay from it; where no spot is as far, the one that is furthest away is chosen.
    """
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(corners)]
    half = sum(lengths) / 2
    steps = max(1, math.ceil((half - first) / (away / 4)))
    spots = [_point_along(corners, lengths, min(first, half) + max(0.0, half - first) * step / steps) for step in range(steps + 1)]
    x, y = spots[-1]
    spots += [(x + dx * away, y + dy * away) for dx, dy in ((-1.4, 0.0), (1.4, 0.0), (0.0, 1.2), (0.0, -1.2), (-1.4, 1.0), (1.4, 1.0))]
    room = [min((math.dist(spot, other) for other in taken), default=math.inf) for spot in spots]
    return next((spot for spot, distance in zip(spots, room, strict=True) if distance >= away), spots[room.index(max(room))])


def spread(wanted: Sequence[float], gap: float, low: float = -math.inf, high: float = math.inf) -> list[float]:
    """Move labels apart: the least squares of all moves that leave ``gap`` between neighbours.

    Args:
        wanted: where they want to be, increasing.
        gap: between neighbours.
        low: where the first may be; if there is too little room, it is there.
        high: where the last may be.

    Source:
        Isotonic regression by pooling adjacent violators, Barlow et al. 1972, section 1.2, on ``wanted - index * gap``.
    """
    pools: list[tuple[float, int]] = []
    for index, place in enumerate(wanted):
        pools.append((place - index * gap, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [((a * n + b * m) / (n + m), n + m)]
    last = high - (len(wanted) - 1) * gap
    placed = itertools.chain.from_iterable([max(low, min(last, mean))] * size for mean, size in pools)
    return [place + index * gap for index, place in enumerate(placed)]


def _point_along(corners: Sequence[tuple[float, float]], lengths: Sequence[float], distance: float) -> tuple[float, float]:
    for (a, b), length in zip(itertools.pairwise(corners), lengths, strict=True):
        if distance <= length:
            share = distance / length
            return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
        distance -= length
    return corners[-1]


def _roads(runs: Sequence[Run]) -> Iterable[list[int]]:
    """Indices of runs that share stretches of a track, directly or through others."""
    order = sorted(range(len(runs)), key=lambda index: (runs[index].upright, runs[index].track, runs[index].span))
    road: list[int] = []
    reached = -math.inf
    for index in order:
        run = runs[index]
        if road and ((runs[road[0]].upright, runs[road[0]].track) != (run.upright, run.track) or run.span[0] >= reached):
            yield road
            road, reached = [], -math.inf
        road.append(index)
        reached = max(reached, run.span[1])
    if road:
        yield road


def _leans(strand: Sequence[Run]) -> list[int]:
    """To which side each run is entered from and left to: -2 and 2 for both on the same side, 0 for one on each or none."""
    leans = [0] * len(strand)
    for index, (run, following) in enumerate(itertools.pairwise(strand)):
        if run.upright != following.upright:
            leans[index] += 1 if following.onward else -1
            leans[index + 1] += -1 if run.onward else 1
    return leans


def _rank(run: Run, lean: int) -> tuple[float, float]:
    """A run's place among those beside it, from the negative side to the positive.

    Whoever leans to a side lies there. Of two that come from there and return there, the longer one arches over the shorter one; of two that
    turn round at one end, like hairpins, the longer one lies outside. Who leans to neither side keeps to the right.
    """
    length = abs(run.stop - run.start)
    right = 1 if run.upright == run.onward else -1
    if abs(lean) == 2:
        return lean, -lean * length
    side = lean or right
    return lean or 0.5 * right, side * length


def _place(spot: Spot) -> tuple[float, float]:
    return spot.x_m, spot.y_m


def _at(run: Run, shift: float, position: float) -> tuple[float, float]:
    return (run.track + shift, position) if run.upright else (position, run.track + shift)
