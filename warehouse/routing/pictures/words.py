"""The words below and inside the pictures."""

from __future__ import annotations

from bintally.layouts import Ladder, Place
from warehouse.routing.cart.schedule import Schedule
from warehouse.routing.tour import Tour


def pick_label(number: int, quantity: int) -> str:
    """A pick's number, and its items where they are several."""
    return f"{number}" if quantity == 1 else f"{number}×{quantity}"


def outcome(drawn: Tour | Schedule, shortest_m: float | None = None) -> str:
    """How long it is, and how much of that is certain.

    Args:
        drawn: what was made.
        shortest_m: length of the shortest tour of the same list, if it is known.
    """
    if isinstance(drawn, Schedule):
        proof = _proof(drawn.time_s, drawn.lower_bound_s, drawn.proven_optimal, "fastest")
        return f"{seconds(drawn.time_s)}{proof}; walked {drawn.walked_m:,.1f} m, pushed {drawn.pushed_m:,.1f} m"
    if shortest_m and not drawn.proven_optimal:
        return f"{drawn.length_m:,.1f} m, {100 * (drawn.length_m / shortest_m - 1):.1f} % above the shortest"
    return f"{drawn.length_m:,.1f} m{_proof(drawn.length_m, drawn.lower_bound_m, drawn.proven_optimal, 'shortest')}"


def seconds(time_s: float) -> str:
    """Up to 100 s in seconds, else in hours, minutes and seconds."""
    if time_s < 100:
        return f"{time_s:.1f} s"
    minutes, rest = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def warehouse(ladder: Ladder) -> str:
    """Its size."""
    aisles = sum(ladder.aisles)
    return f"{aisles} aisle{'s' if aisles > 1 else ''}, {ladder.cross_aisles} cross aisles"


def depots(ladder: Ladder) -> list[tuple[Place, str]]:
    """One place of each intersection where tours begin or end, and what lies there; the start first."""
    ends = ["drop-off"] if len(ladder.ends) == 1 else [f"drop-off {number}" for number in range(1, len(ladder.ends) + 1)]
    named = [(ladder.start, "depot")] if ladder.ends == (ladder.start,) else [(ladder.start, "start"), *zip(ladder.ends, ends, strict=True)]
    found: dict[tuple[int, int], list[tuple[Place, str]]] = {}
    for place, name in named:
        label = name + (f", {place.walk_m:g} m away" if place.walk_m else "")
        found.setdefault((place.column, place.cross_aisle), []).append((place, label))
    return [(here[0][0], " · ".join(label for _, label in here)) for here in found.values()]


def _proof(value: float, bound: float | None, proven: bool, best: str) -> str:
    if proven:
        return f", proven {best}"
    return f", at most {100 * (value / bound - 1):.1f} % above the {best}" if bound else ""
