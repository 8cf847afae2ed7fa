"""Who is in a roll-out, and in which order (pure)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping

from bintally.topics import encode
from deploy.fleet.rollout.plan import Plan
from deploy.fleet.rollout.view import StationView

Labels = Mapping[str, Mapping[str, str]]
"""Source → the station's labels."""


def place(rollout: str, source: str) -> float:
    """A station's place in a roll-out, 0 to 1: SHA-256 of both, so that the same stations are not always the first."""
    digest = hashlib.sha256(f"{rollout}\n{source}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def in_order(rollout: str, sources: Iterable[str]) -> list[str]:
    """Stations by their places."""
    return sorted(sources, key=lambda source: (place(rollout, source), source))


def is_chosen(plan: Plan, source: str, labels: Labels) -> bool:
    """Whether a plan's sites and labels name a station."""
    own = labels.get(source, {})
    in_site = not plan.sites or source.partition("/")[0] in map(encode, plan.sites)
    return in_site and all(own.get(key) == value for key, value in plan.labels.items())


def has_it(plan: Plan, view: StationView) -> bool:
    """Whether a station runs what a plan wants, by whatever way it came there."""
    wanted = {target.model.digest for target in plan.targets.values()}
    return view.reported is not None and view.reported.model is not None and view.reported.model.digest in wanted


def selected(plan: Plan, views: Mapping[str, StationView], labels: Labels) -> list[str]:
    """The stations of a plan: named by it, and of a kind that it has a bundle for."""
    return [
        source
        for source, view in views.items()
        if view.reported and view.reported.device in plan.targets and is_chosen(plan, source, labels)
    ]


def size(plan: Plan, number: int, stations: int) -> int | None:
    """How many stations have the new model when a cohort has it, those before it among them; None: all.

    Args:
        plan: of the roll-out.
        number: of the cohort, from 0.
        stations: selected.
    """
    if plan.shares[number] == 1:
        return None
    return min(stations, max(plan.least * (number + 1), math.ceil(plan.shares[number] * stations - 1e-9)))
