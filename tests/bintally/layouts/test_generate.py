from collections import Counter

import numpy as np
import pytest

from bintally.errors import UsageError
from bintally.layouts.generate import random_book, regular_ladder, uniform_list
from bintally.layouts.picks import check_shelf


def test_a_list_may_take_every_place_but_no_more() -> None:
    ladder = regular_ladder(2, 3, block_m=2.0)
    picks = uniform_list(np.random.default_rng(0), ladder, 12)
    assert picks.y_m.tolist() == [0.5, 1.0, 1.5, 2.5, 3.0, 3.5] * 2
    with pytest.raises(UsageError, match="13 different places: 2 aisles"):
        uniform_list(np.random.default_rng(0), ladder, 13)


def test_blocks_without_half_metres_are_refused() -> None:
    with pytest.raises(UsageError, match="have no room"):
        uniform_list(np.random.default_rng(0), regular_ladder(2, 2, block_m=0.4), 1)


def test_a_book_has_orders_that_fit_and_articles_at_places_of_their_own() -> None:
    ladder = regular_ladder(4, 3)
    book = random_book(np.random.default_rng(5), ladder, 200, articles=60, most_lines=3, most_items=4, limit=12)
    assert len(book.orders) == len({order.name for order in book.orders}) == 200
    assert len(book.shelves) == len({(shelf.column, shelf.y_m) for shelf in book.shelves}) == 60
    for shelf in book.shelves:
        check_shelf(ladder, shelf)
    assert {len(order.lines) for order in book.orders} == {1, 2, 3}
    assert all(quantity >= 1 for order in book.orders for quantity in order.lines.values())
    assert max(sum(order.lines.values()) for order in book.orders) <= book.limits["items"] == 12


def test_a_tenth_of_the_articles_makes_half_of_the_demand() -> None:
    book = random_book(np.random.default_rng(6), regular_ladder(4, 3), 4000, articles=100, most_lines=4)
    wanted = Counter(article for order in book.orders for article in order.lines)
    shares = np.array([wanted[f"a{number}"] for number in range(100)]) / wanted.total()
    # a little below, because an article that is drawn again is the same line
    assert shares[:10].sum() == pytest.approx(0.52, abs=0.03)
    assert shares[10:40].sum() == pytest.approx(0.36, abs=0.03)


def test_the_same_generator_makes_the_same_book() -> None:
    one, same, other = (random_book(np.random.default_rng(seed), regular_ladder(4, 3), 50, articles=90) for seed in (7, 7, 8))
    assert one == same
    assert one != other


def test_books_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match="no cart"):
        random_book(np.random.default_rng(1), regular_ladder(4, 3), 5, most_lines=4, most_items=3, limit=11)
    with pytest.raises(UsageError, match="different places"):
        random_book(np.random.default_rng(1), regular_ladder(1, 2), 5, articles=100)
