"""CSV files of books and places, as other systems and people write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from bintally.errors import InputError
from warehouse.ledger.expectations import Row
from warehouse.ledger.places import Place
from warehouse.ledger.sheets import read_books, read_places


def test_books_are_read_with_all_columns_and_with_the_needed_ones() -> None:
    whole = "site,bin,quantity,at,article,value\nhall 1,A-1,5,2026-11-22T08:30:00Z,bolt M6,2.5\nhall 1,A-2,,2026-11-22T09:30:00+01:00,,\n"
    at = datetime(2026, 11, 22, 8, 30, tzinfo=timezone.utc)
    first, second = read_books(whole.encode(), "x.csv")
    assert first == Row("hall 1", "A-1", 5, at, "bolt M6", 2.5)
    assert second == Row("hall 1", "A-2", None, at, None, 1.0)
    assert second.at is not None
    assert second.at.utcoffset() == timedelta(hours=1)
    assert read_books(b"quantity,bin\n5,A-1\n", "x.csv", "hall 1") == [Row("hall 1", "A-1", 5)]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffbin;quantity\r\nA-1;5\r\n".encode(),
        b"Bin , QUANTITY\n  A-1 , 5\n\n,\n",
        b'"bin","quantity"\n"A-1","5"',
        b'bin;quantity;article\nA-1;5;"a, b; ""c"""\n',
    ],
)
def test_what_spreadsheets_write_is_read(content: bytes) -> None:
    (row,) = read_books(content, "x.csv", "s")
    assert (row.bin, row.quantity) == ("A-1", 5)
    assert row.article in (None, 'a, b; "c"')


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "x.csv: row 1: has no column bin, quantity; needed are bin, quantity"),
        (b"bin\nA\n", "x.csv: row 1: has no column quantity;"),
        (b"bin,quantity,colour\nA,1,red\n", "x.csv: row 1: there is a column 'colour' and it is none that bintally knows; known are bin, "),
        (b"bin,quantity,bin\nA,1,B\n", "x.csv: row 1: there is a column 'bin' twice"),
        (b"site,bin,quantity\nx,A,1\n", "x.csv: row 1: has a column site, and --site is given, too"),
        (b"bin,quantity\nA,\xff\n", "x.csv: row 2: is no UTF-8 text"),
        (b'bin,quantity\nA,"1\n', "x.csv: row 2: unexpected end of data"),
        (b"bin,quantity\nA,1\nB\n", "row 3: has 1 columns; the line of names has 2"),
        (b"bin,quantity\nA,1,2\n", "row 2: has 3 columns"),
        (b"bin,quantity\nA,1.5\n", "row 2: quantity = '1.5': must be a whole number, 0 or more"),
        (b"bin,quantity\nA,-1\n", "row 2: quantity = '-1'"),
        ("bin,quantity\nA,\u0663\n".encode(), "row 2: quantity = '\u0663'"),
        (b"bin,quantity\nA,999999999999999999999\n", "row 2: quantity = '999999999999999999999'"),
        (b"bin,quantity\nA,1000001\n", "row 2: quantity = 1000001: must be 0 to 1000000 items"),
        (b"bin,quantity\n,1\n", "row 2: bin = '': must have 1 to 255 characters"),
        (b"bin,quantity,value\nA,1,1,5\n", "row 2: has 4 columns"),
        (b"bin;quantity;value\nA;1;1,5\n", "row 2: value = '1,5': must be a number, with a point before its decimals"),
        (b"bin,quantity,value\nA,1,inf\n", "row 2: value = inf: must be 0 to"),
        (b"bin,quantity,at\nA,1,22.11.2026\n", "row 2: at = '22.11.2026': must be a time such as"),
        (b"bin,quantity\nA,1\nB,2\nA,3\n", "row 4: bin = 'A': stands in row 2 already"),
        (b"bin,quantity\nA\x00,1\n", "row 2: "),
    ],
)
def test_what_is_wrong_is_said_by_row_and_column(content: bytes, text: str) -> None:
    with pytest.raises(InputError) as failure:
        read_books(content, "x.csv", "s")
    assert text in str(failure.value)
    assert "nothing was imported" in str(failure.value) or "row 1:" in str(failure.value) or "UTF-8" in str(failure.value)


def test_the_first_twenty_errors_are_told_and_the_others_counted() -> None:
    with pytest.raises(InputError) as failure:
        read_books(("bin,quantity\n" + "A,x\n" * 30).encode(), "x.csv", "s")
    lines = str(failure.value).splitlines()
    assert lines[0] == "x.csv: 30 rows are wrong, and nothing was imported:"
    assert (lines[1][:7], lines[20][:7], lines[21]) == ("row 2: ", "row 21:", "and 10 more")


def test_books_need_a_site_from_somewhere() -> None:
    with pytest.raises(InputError, match="has no column site; needed are bin, quantity, and site where --site is not given"):
        read_books(b"bin,quantity\nA,1\n", "x.csv")


def test_places_are_read() -> None:
    assert read_places(b"bin,aisle,position_m,block,zone\nA,3,1.5,1,cold\nB,0,0,,\n", "x.csv", "s") == [
        Place("s", "A", 3, 1.5, 1, "cold"),
        Place("s", "B", 0, 0.0),
    ]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("A,-1,0", "aisle = '-1'"),
        ("A,99999,0", "aisle = 99999, block = 0: are counted from 0"),
        ("A,0,-1", "position_m = -1.0"),
        ("A,0,nan", "position_m = nan"),
    ],
)
def test_a_place_that_cannot_be_is_told(row: str, text: str) -> None:
    with pytest.raises(InputError) as failure:
        read_places(f"bin,aisle,position_m\n{row}\n".encode(), "x.csv", "s")
    assert f"row 2: {text}" in str(failure.value)
