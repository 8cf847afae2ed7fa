"""The documents' examples are read as they stand there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bintally.layouts.files import book_files, read_book, read_request, request_files

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", ["picks.toml", "order.toml", "orders.toml"])
def test_the_document_shows_an_example_file(name: str) -> None:
    assert f"```toml\n{(DOCS / 'examples' / name).read_text()}```" in (DOCS / "layouts.md").read_text()


def test_the_examples_can_be_routed() -> None:
    cart, order, picks = map(read_request, request_files(DOCS / "examples"))
    assert cart.cart is not None
    assert order.scattered
    assert picks.picks().quantities.tolist() == [3, 1, 8]


def test_the_example_of_orders_can_be_batched() -> None:
    (book,) = map(read_book, book_files(DOCS / "examples"))
    assert [len(book.parts(order)) for order in book.orders] == [1, 2, 1, 1, 2]
    assert book.orders[-1].due_s == 25 * 3600


def test_the_examples_lie_where_their_comments_say() -> None:
    request = read_request(DOCS / "examples" / "picks.toml")
    half_width, entry, front_block = 1.0, 0.5, 19 * 1.2
    assert request.ladder.y_m[1] == pytest.approx(half_width + entry + front_block + entry + half_width)
    assert request.picks().y_m.tolist() == pytest.approx([1.5 + 4 * 1.2, request.ladder.y_m[1] + 1.5 + 7.5, 1.5 + front_block])
