"""The words below and inside the pictures."""

from __future__ import annotations

from collections.abc import Sequence

from bintally.layouts import Ladder, Place
from warehouse.routing.cart.schedule import Schedule
from warehouse.routing.tour import Tour


def pick_label(number: int, quantity: int) -> str:
    """A pick's number, and its items where they are several."""
    return f"{number}" if quantity == 1 else f"{number}×{quantity}"


def outcome(drawn: Tour | Schedule, beside: Sequence[Tour | Schedule] = ()) -> str:
    """How long it is, and how much of that is certain.

    Args:
        drawn: what was made.
        beside: what else is drawn of the same list; if the shortest tour, or the fastest schedule, is among it, it is compared with.
    """
    if isinstance(drawn, Schedule):
        fastest_s = next((other.time_s for other in beside if isinstance(other, Schedule) and other.proven_optimal), None)
        proof = _proof(drawn.time_s, drawn.lower_bound_s, drawn.proven_optimal, "fastest", fastest_s)
        return f"{seconds(drawn.time_s)}{proof}; walked {drawn.walked_m:,.1f} m, pushed {drawn.pushed_m:,.1f} m"
    shortest_m = next((other.length_m for other in beside if isinstance(other, Tour) and other.proven_optimal), None)
    return f"{drawn.length_m:,.1f} m{_proof(drawn.length_m, drawn.lower_bound_m, drawn.proven_optimal, 'shortest', shortest_m)}"


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


def _proof(value: float, bound: float | None, proven: bool, best: str, known: float | None) -> str:
    if proven:
        return f", proven {best}"
    if known:
        return f", {100 * (value / known - 1):.1f} % above the {best}"
    return f", at most {100 * (value / bound - 1):.1f} % above the {best}" if bound else ""
