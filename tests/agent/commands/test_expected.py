"""The book of expected quantities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.commands.expected import MAX_BINS, MAX_PAYLOAD_BYTES, ExpectedBook
from agent.delivery.incoming import Incoming
from bintally.errors import UsageError
from tests.agent.commands.quiet import quiet


def said(bin_name: str, payload: bytes) -> Incoming:
    return Incoming("expected", bin_name, payload, retained=True)


def quantity(number: int) -> bytes:
    return b'{"quantity": %d}' % number


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.none() | st.integers(0, 3)), max_size=20))
def test_the_latest_word_on_each_bin_counts(words: list[tuple[str, int | None]]) -> None:
    book, record = ExpectedBook(), dict[str, int | None]()
    for name, number in words:
        changed = book.take(said(name, b"" if number is None else quantity(number)))
        assert changed == (record.get(name) != number)
        record[name] = number
        assert {bin_name: book.quantity(bin_name) for bin_name in "ABC"} == {bin_name: record.get(bin_name) for bin_name in "ABC"}


@pytest.mark.parametrize(
    "payload",
    [
        b"3",
        b"null",
        b"{}",
        quantity(-1),
        quantity(1_000_001),
        quantity(10**400),
        b'{"quantity": 1.5}',
        b'{"quantity": NaN}',
        b"\xff",
        b"[" * 9999,
        quantity(1) + b" " * MAX_PAYLOAD_BYTES,
    ],
)
def test_a_malformed_word_changes_nothing(payload: bytes) -> None:
    book = ExpectedBook()
    book.take(said("A", quantity(3)))
    assert not book.take(said("A", payload))
    assert book.quantity("A") == 3


def test_a_full_book_keeps_what_it_has_and_has_room_again_when_something_is_taken_back() -> None:
    book = ExpectedBook()
    for number in range(MAX_BINS):
        book.take(said(str(number), quantity(1)))
    with quiet():
        assert not book.take(said("more", quantity(1)))
    assert (len(book), book.quantity("more"), book.quantity("0")) == (MAX_BINS, None, 1)
    assert book.take(said("0", quantity(2)))
    assert book.take(said("0", b""))
    assert book.take(said("more", quantity(1)))


def test_a_new_connection_begins_with_an_empty_book() -> None:
    book = ExpectedBook()
    book.take(said("A", quantity(3)))
    book.clear()
    assert book.quantity("A") is None


@pytest.mark.parametrize("incoming", [Incoming("bin", "A", b""), Incoming("expected", None, b"")])
def test_the_book_takes_nothing_else(incoming: Incoming) -> None:
    with pytest.raises(UsageError, match="takes expected/"):
        ExpectedBook().take(incoming)
