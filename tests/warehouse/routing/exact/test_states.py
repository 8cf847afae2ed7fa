"""The states of a cut tour."""

from __future__ import annotations

import itertools

import pytest

from bintally.errors import InputError
from warehouse.routing.exact.states import FROM_BACK, FROM_BOTH, FROM_FRONT, NOTHING, ONCE, TWICE, Tables, tables


def _count(cross_aisles: int) -> int:
    return len(tables(cross_aisles).degrees)


def test_there_are_as_many_states_as_the_literature_counts() -> None:
    assert [_count(h) for h in (2, 3, 4, 5)] == [7, 25, 113, 569]


@pytest.mark.long
def test_there_are_as_many_states_as_the_literature_counts_for_many_cross_aisles() -> None:
    assert [_count(h) for h in (6, 7)] == [3033, 16769]


def test_two_cross_aisles_have_the_seven_classes_of_ratliff_and_rosenthal() -> None:
    names = {0: "0", 1: "U", 2: "E"}
    found = tables(2)
    states = {
        ("".join(names[d] for d in degrees), len({c for c in components if c}))
        for degrees, components in zip(found.degrees.tolist(), found.components.tolist(), strict=True)
    }
    assert states == {("UU", 1), ("E0", 1), ("0E", 1), ("EE", 1), ("EE", 2), ("00", 0), ("00", 1)}


@pytest.mark.parametrize("closed", [True, False])
def test_each_state_is_named_once_and_has_as_many_odd_cross_aisles_as_it_may(closed: bool) -> None:
    found = tables(4, closed=closed)
    states = list(zip(map(tuple, found.degrees.tolist()), map(tuple, found.components.tolist()), strict=True))
    assert len(set(states)) == len(states)
    odd = (found.degrees == 1).sum(axis=1) % 2
    assert not odd[found.low[0] : found.high[0]].any()
    assert not odd[found.low[2] : found.high[2]].any()
    assert closed or odd[found.low[1] : found.high[1]].all()


def _entries(found: Tables, step: int) -> set[tuple[int, int, int]]:
    """All entries of a step: source, action, target."""
    return {
        (int(found.source[entry]), int(found.action[entry]), target)
        for target in range(len(found.degrees))
        for entry in range(found.first[step, target], found.first[step, target + 1])
    }


def _parts(degrees: list[int], edges: list[tuple[int, int]]) -> list[frozenset[int]]:
    """Components of the touched cross aisles, by joining sets until nothing changes."""
    parts = [frozenset([row]) for row, degree in enumerate(degrees) if degree]
    for a, b in edges:
        joined = frozenset().union(*(part for part in parts if a in part or b in part))
        parts = [part for part in parts if not part & joined] + [joined]
    return sorted(parts, key=min)


def _state(found: Tables, index: int) -> tuple[list[int], list[frozenset[int]]]:
    components = found.components[index].tolist()
    groups = [frozenset(row for row, other in enumerate(components) if other == c) for c in sorted(set(components)) if c > 0]
    return found.degrees[index].tolist(), sorted(groups, key=min)


@pytest.mark.parametrize("closed", [True, False])
def test_serving_a_sub_aisle_adds_edges_and_joins_components(closed: bool) -> None:
    found = tables(3, closed=closed)
    ends = {FROM_BOTH: (2, 2), FROM_FRONT: (2, 0), FROM_BACK: (0, 2), NOTHING: (0, 0), ONCE: (1, 1), TWICE: (2, 2)}
    for block in (0, 1):
        for source, action, target in _entries(found, block):
            degrees, groups = _state(found, source)
            sums = list(degrees)
            for row, added in zip((block, block + 1), ends[action], strict=True):
                sums[row] += added
            chains = [edge for group in groups for edge in itertools.pairwise(sorted(group))]
            joined = [(block, block + 1)] if action in {ONCE, TWICE} else []
            after = [0 if not s else 2 - s % 2 for s in sums]
            assert _state(found, target) == (after, _parts(after, chains + joined))
            assert (source == found.finished) == (target == found.finished)


@pytest.mark.parametrize("closed", [True, False])
def test_a_component_is_closed_only_if_it_is_the_only_one(closed: bool) -> None:
    found = tables(4, closed=closed)
    for source, edges, target in _entries(found, 3):
        degrees, groups = _state(found, source)
        after, left = _state(found, target)
        assert edges == sum(after)
        assert all(b in {0, a} if a == 2 else a == b for a, b in zip(degrees, after, strict=True))
        assert len(left) == len(groups) or (target == found.finished and len(groups) == 1)


def test_no_state_leads_nowhere() -> None:
    found = tables(4)
    forward = {(source, target) for step in range(8) for source, _, target in _entries(found, step)}
    ends = {found.finished}
    while more := {source for source, target in forward if target in ends} - ends:
        ends |= more
    assert ends == set(range(len(found.degrees)))


@pytest.mark.parametrize("cross_aisles", [1, 8])
def test_too_many_cross_aisles_are_refused(cross_aisles: int) -> None:
    with pytest.raises(InputError, match=f"{cross_aisles} cross aisles"):
        tables(cross_aisles)


def test_tables_are_built_once() -> None:
    assert tables(3) is tables(3)
