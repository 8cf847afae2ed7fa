"""From which bins lines are taken."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bintally.layouts import Order
from tests.warehouse.walks.halls import ARTICLES, LADDER, orders, stock
from warehouse.routing.exact import optimal_length_m
from warehouse.walks import places
from warehouse.walks.admit import admit
from warehouse.walks.places import Store, choose_bins, share_out
from warehouse.walks.stock import Bin


def shortest_of_all(store: Store, lines: dict[str, int], free: dict[str, int]) -> float:
    """Over every set of bins that holds enough of each article."""
    of_articles = []
    for article, wanted in lines.items():
        names = [one.name for one in store.bins[article]]
        sets = [chosen for size in range(1, len(names) + 1) for chosen in itertools.combinations(names, size)]
        of_articles.append([chosen for chosen in sets if sum(free[name] for name in chosen) >= wanted])
    sets_of_bins = (itertools.chain(*chosen) for chosen in itertools.product(*of_articles))
    return min(optimal_length_m(store.ladder, store.picks(dict.fromkeys(names, 1))) for names in sets_of_bins)


def scenes(seed: int, number: int) -> list[tuple[Store, dict[str, int], dict[str, int]]]:
    """Stores, lines that they can serve, and what is free."""
    rng = np.random.default_rng(seed)
    found: list[tuple[Store, dict[str, int], dict[str, int]]] = []
    while len(found) < number:
        bins = stock(rng, 9)
        served, _ = admit(orders(rng, 1, 6), bins, 99)
        if served:
            store = Store.of(LADDER, bins)
            found.append((store, dict(served[0].lines), {one.name: one.sure for one in bins}))
    return found


def test_the_bins_are_those_of_the_shortest_tour():
    for store, lines, free in scenes(1, 25):
        taken = choose_bins(store, lines, free)
        assert optimal_length_m(store.ladder, store.picks(taken)) == pytest.approx(shortest_of_all(store, lines, free))


@pytest.mark.parametrize("most", [places.MOST_CHOICES, 0])
def test_exactly_what_is_wanted_is_taken_and_never_more_than_is_free(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST_CHOICES", most)
    for store, lines, free in scenes(2, 30):
        taken = choose_bins(store, lines, free)
        article = {one.name: one.article for bins in store.bins.values() for one in bins}
        for wanted in lines:
            assert sum(items for name, items in taken.items() if article[name] == wanted) == lines[wanted]
        assert all(0 < items <= free[name] for name, items in taken.items())


def test_a_bin_from_which_all_is_taken_already_is_not_chosen():
    rng = np.random.default_rng(3)
    bins = [one for one in stock(rng, 12) if one.shelf and one.sure]
    store = Store.of(LADDER, bins)
    article = next(name for name in ARTICLES if len(store.bins.get(name, [])) > 1)
    gone, *others = store.bins[article]
    free = {one.name: 0 if one is gone else one.sure for one in bins}
    assert gone.name not in choose_bins(store, {article: sum(one.sure for one in others)}, free)


def test_every_line_gets_its_items_from_bins_of_its_article():
    for store, lines, free in scenes(4, 20):
        taken = choose_bins(store, lines, free)
        halves = {"first": {article: wanted // 2 for article, wanted in lines.items()}}
        halves["second"] = {article: wanted - halves["first"][article] for article, wanted in lines.items()}
        shared = list(share_out(halves, store, taken))
        of = {one.name: one.article for bins in store.bins.values() for one in bins}
        for order, of_order in halves.items():
            for article, wanted in of_order.items():
                assert sum(items for name, whose, items in shared if whose == order and of[name] == article) == wanted
        for name, items in taken.items():
            assert sum(shared_items for one, _, shared_items in shared if one == name) == items


def test_nothing_can_be_taken_from_bins_without_a_place_or_without_items():
    order = Order("O", {"bolt": 1})
    bins = [Bin("A", "bolt", None, None, 3, 3), Bin("B", "bolt", None, None, 0, 3)]
    assert admit([order], bins, 9)[0] == []
    assert Store.of(LADDER, bins).bins == {}
