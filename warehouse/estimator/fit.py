"""Does an estimator fit: what differs between the warehouse that it was trained for and another one, in words (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bintally.layouts import Cart, Ladder, Place
from warehouse.labels.cart import SECONDS

_SAME_M = 1e-6
"""Files give coordinates in so many metres' steps."""
_IN_WORDS = {
    "walk_m_s": "walking speed {} m/s",
    "push_m_s": "pushing speed {} m/s",
    "hands": "hands for {} items",
    "park_s": "{} s to park",
    "in_aisles": "cart in aisles: {}",
}
"""Of a cart, in words; the time to pick is no part of the labels."""


def ladder_differences(trained: Ladder, given: Ladder) -> list[str]:
    """What differs between two ladders; nothing where one's estimates hold in the other."""
    return list(_sizes(trained, given)) or [*_positions(trained, given), *_rules(trained, given)]


def cart_differences(label: str, trained: Cart | None, given: Cart | None) -> list[str]:
    """What differs between the cart of the labels and another one, None for no cart."""
    if given is None:
        return [f"{label} is the time of a worker with a cart, and here comes none"] if label == SECONDS else []
    if label != SECONDS or trained is None:
        return [f"it estimates {label}, and not how long a worker takes with a cart"]
    return [
        _unlike(words.format(_shown(getattr(trained, name))), _shown(getattr(given, name)))
        for name, words in _IN_WORDS.items()
        if getattr(trained, name) != getattr(given, name)
    ]


def _sizes(trained: Ladder, given: Ladder) -> Iterator[str]:
    if sum(trained.aisles) != sum(given.aisles):
        yield _unlike(f"{sum(trained.aisles)} aisles", sum(given.aisles))
    elif trained.aisles != given.aisles:
        yield "aisles and depots stand in another order"
    if trained.cross_aisles != given.cross_aisles:
        yield _unlike(f"{trained.cross_aisles} cross aisles", given.cross_aisles)


def _positions(trained: Ladder, given: Ladder) -> Iterator[str]:
    for what, of_trained, of_given in (("column", trained.x_m, given.x_m), ("cross aisle", trained.y_m, given.y_m)):
        number = _first_apart(of_trained, of_given)
        if number is not None:
            yield _unlike(f"{what} {number} at {of_trained[number]:g} m", f"{of_given[number]:g} m")


def _first_apart(one: Sequence[float], other: Sequence[float]) -> int | None:
    pairs = enumerate(zip(one, other, strict=True))
    return next((number for number, (a, b) in pairs if abs(a - b) > _SAME_M), None)


def _rules(trained: Ladder, given: Ladder) -> Iterator[str]:
    if trained.start != given.start:
        yield _unlike(f"the depot at {_named(trained.start)}", _named(given.start))
    if set(trained.ends) != set(given.ends):
        yield _unlike(f"drop-offs at {', '.join(map(_named, trained.ends))}", ", ".join(map(_named, given.ends)))
    if trained.ways != given.ways:
        yield "other one-way rules"


def _shown(value: float | None) -> str:
    if value is None:
        return "any number of"
    return ("no", "yes")[value] if isinstance(value, bool) else f"{value:g}"


def _named(place: Place) -> str:
    return f"column {place.column} of cross aisle {place.cross_aisle}" + (f", {place.walk_m:g} m away" if place.walk_m else "")


def _unlike(trained: str, given: object) -> str:
    return f"{trained}, not {given}"
