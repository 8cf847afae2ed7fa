"""The demo's books: errors that a counter can see, and how many of them were found."""

from __future__ import annotations

from bintally.demo_books import Books, Found, place_bins, score, write_books
from bintally.layouts.files import parse_layout

TRUTH = {f"bin-{number:03}": number % 12 for number in range(120)}


def test_every_sixth_bins_books_are_wrong_by_something_that_a_counter_can_see() -> None:
    books = write_books(TRUTH, 3)
    wrong = {bin_ for bin_, quantity in books.expected.items() if quantity != TRUTH[bin_]}
    assert wrong == books.planted
    assert len(wrong) == 20
    assert all(min(books.expected[bin_], 6) != min(TRUTH[bin_], 6) for bin_ in wrong)
    assert all(abs(books.expected[bin_] - min(TRUTH[bin_], 6)) <= 3 for bin_ in wrong)
    assert write_books(TRUTH, 3) == books
    assert write_books(TRUTH, 4) != books


def test_what_was_found_is_held_against_what_was_counted() -> None:
    books = Books(dict.fromkeys("abcdef", 1), frozenset("abc"))
    assert score(books, "abef", ["a", "e"]) == Found(planted=2, found=1, false=1)
    assert score(books, "", []) == Found(0, 0, 0)


def test_each_bin_has_a_place_of_the_layout_and_no_two_sides_are_crowded() -> None:
    for count in (1, 7, 8, 9, 120):
        places, layout = place_bins(list(TRUTH)[:count])
        hall = parse_layout(layout, "demo")
        spots = [(place["aisle"], place["position_m"]) for place in places]
        for place in places:
            hall.shelf(place["bin"], place["aisle"], 0, place["position_m"])
        assert len({place["bin"] for place in places}) == count
        assert all(spots.count(spot) <= 2 for spot in spots)
