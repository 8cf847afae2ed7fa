"""The policies by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from bintally.errors import InputError, UsageError
from bintally.layouts import Ladder, PickList
from warehouse.routing.policies.aisle_by_aisle import aisle_by_aisle
from warehouse.routing.policies.blocks import block_by_block
from warehouse.routing.policies.in_block import combined, largest_gap, midpoint, return_, s_shape
from warehouse.routing.policies.walk import Walk
from warehouse.routing.tour import Tour, path_length_m

Policy = Callable[[Walk], None]
"""Walks until everything is picked; the way to the end is not its business."""

POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "s-shape": partial(block_by_block, serve=s_shape),
        "return": partial(block_by_block, serve=return_),
        "midpoint": partial(block_by_block, serve=midpoint),
        "largest-gap": partial(block_by_block, serve=largest_gap),
        "combined": partial(block_by_block, serve=combined),
        "aisle-by-aisle": aisle_by_aisle,
    }
)


def policy_tour(ladder: Ladder, picks: PickList, name: str) -> Tour:
    """The tour of a picker who keeps to a policy, from the ladder's start to the end that is nearest when all is picked.

    Args:
        ladder: the warehouse; its ways must be free.
        picks: where to go.
        name: one of ``POLICIES``.

    Raises:
        UsageError: there is no such policy.
        InputError: the ladder has one-way rules or turning bans.
    """
    if name not in POLICIES:
        near = difflib.get_close_matches(name, POLICIES, 1)
        raise UsageError(f"there is no policy {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(POLICIES)}"))
    if not ladder.ways.free:
        raise InputError(f"the policy {name} knows no one-way aisles and no turning bans; use the solver for directed ladders instead")
    if not len(picks):
        return Tour(name, 0.0, proven_optimal=False, path=(), end=ladder.ends[0])
    walk = Walk(ladder, picks)
    POLICIES[name](walk)
    end = ladder.ends[walk.finish()]
    length_m = ladder.start.walk_m + path_length_m(ladder, walk.path) + end.walk_m
    return Tour(name, length_m, proven_optimal=False, path=tuple(walk.path), end=end)
