"""Who is in a roll-out, and in which order."""

from __future__ import annotations

import hashlib

import pytest

from deploy.fleet.rollout.cohorts import in_order, place, selected, size
from tests.deploy.fleet.rollout.views import view
from tests.deploy.fleet.rollout.world import plan

SOURCES = [f"site-{number % 7}/pick-{number}" for number in range(1000)]


def test_a_place_is_the_share_that_the_digest_is_of_all_digests() -> None:
    digest = hashlib.sha256(b"counter-2.0.0-abc\nberlin/pick-3").hexdigest()
    assert place("counter-2.0.0-abc", "berlin/pick-3") == pytest.approx(int(digest, 16) / 16**64)


def test_places_are_spread_evenly_and_other_ones_in_each_rollout() -> None:
    first, second = ({one: place(name, one) for one in SOURCES} for name in ("one", "two"))
    assert all(70 < sum(k / 10 <= at < (k + 1) / 10 for at in first.values()) < 130 for k in range(10))
    early = [set(in_order(name, SOURCES)[:100]) for name in ("one", "two")]
    assert len(early[0] & early[1]) < 30
    assert first != second


@pytest.mark.parametrize(
    ("stations", "sizes"), [(1000, [10, 100, 500, None]), (5000, [50, 500, 2500, None]), (25, [10, 20, 25, None]), (3, [3, 3, 3, None])]
)
def test_cohorts_grow_and_have_their_least_size(stations: int, sizes: list[int | None]) -> None:
    assert [size(plan(), number, stations) for number in range(4)] == sizes


def test_sites_labels_and_device_kinds_select() -> None:
    views = {
        one.source: one for one in [view("berlin/a"), view("berlin/b"), view("rome/a"), view("berlin/c", device="arm"), view("ro%20me/a")]
    }
    labels = {"berlin/a": {"ring": "early", "camera": "new"}, "rome/a": {"ring": "early"}, "berlin/c": {"ring": "early"}}
    assert selected(plan(), views, labels) == ["berlin/a", "berlin/b", "rome/a", "ro%20me/a"]
    assert selected(plan(sites=["berlin", "ro me"]), views, labels) == ["berlin/a", "berlin/b", "ro%20me/a"]
    assert selected(plan(labels={"ring": "early"}), views, labels) == ["berlin/a", "rome/a"]
    assert selected(plan(sites=["berlin"], labels={"ring": "early", "camera": "new"}), views, labels) == ["berlin/a"]


def test_a_station_that_never_reported_is_not_selected() -> None:
    assert selected(plan(), {"berlin/a": view("berlin/a", phase=None)}, {}) == []
