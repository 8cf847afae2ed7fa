"""Read what people export from other systems: CSV files of books and places. All or nothing, and all that is wrong is said at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from bintally.errors import InputError
from warehouse.ledger.expectations import Row
from warehouse.ledger.places import Place

_Any = TypeVar("_Any")
_TOLD = 20
_LONGEST = 60
BOOKS = ("bin", "quantity"), ("site", "at", "article", "value")
"""Columns of books that must be there, and that may be there."""
PLACES = ("bin", "aisle", "position_m"), ("site", "block", "zone")
"""Columns of places."""


def read_books(content: bytes, name: str, site: str | None = None) -> list[Row]:
    """Read what the books say.

    An empty quantity: they no longer speak of the bin.

    Args:
        content: CSV, UTF-8, with a line of names; columns between commas or semicolons.
        name: whose, for messages.
        site: of rows without a column ``site``.

    Raises:
        InputError: it is not that; tells the first 20 errors by row and column.
    """
    return _read(content, name, site, BOOKS, _book, lambda row: (row.site, row.bin))


def read_places(content: bytes, name: str, site: str | None = None) -> list[Place]:
    """Read where bins are; like ``read_books``."""
    return _read(content, name, site, PLACES, _place, lambda place: (place.site, place.bin))


def _book(cell: Mapping[str, str]) -> Row:
    return Row(
        site=cell["site"],
        bin=cell["bin"],
        quantity=_whole(cell, "quantity") if cell["quantity"] else None,
        at=_time(cell, "at") if cell.get("at") else None,
        article=cell.get("article") or None,
        value=_number(cell, "value") if cell.get("value") else 1.0,
    )


def _place(cell: Mapping[str, str]) -> Place:
    return Place(
        site=cell["site"],
        bin=cell["bin"],
        aisle=_whole(cell, "aisle"),
        position_m=_number(cell, "position_m"),
        block=_whole(cell, "block") if cell.get("block") else 0,
        zone=cell.get("zone", ""),
    )


def _read(
    content: bytes,
    name: str,
    site: str | None,
    columns: tuple[Sequence[str], Sequence[str]],
    make: Callable[[Mapping[str, str]], _Any],
    key: Callable[[_Any], object],
) -> list[_Any]:
    found, first_at, wrong = [], dict[object, int](), []
    for number, cells in _rows(content, name, site, columns):
        try:
            if isinstance(cells, str):
                raise InputError(cells)  # noqa: TRY301 # told with the others
            row = make(cells)
            before = first_at.setdefault(key(row), number)
            if before != number:
                raise InputError(f"bin = {cells['bin']!r}: stands in row {before} already")  # noqa: TRY301
            found.append(row)
        except InputError as error:
            wrong.append(f"row {number}: {error}")
    if wrong:
        more = f"\nand {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
        raise InputError(f"{name}: {len(wrong)} rows are wrong, and nothing was imported:\n" + "\n".join(wrong[:_TOLD]) + more)
    return found


def _rows(
    content: bytes, name: str, site: str | None, columns: tuple[Sequence[str], Sequence[str]]
) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    """Number of each row, the line of names being row 1, and its cells by column, or what is wrong with it."""
    text = _text(content, name)
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",", strict=True)
    try:
        names = _names(next(reader, []), name, site, columns)
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) != len(names):
                yield reader.line_num, f"has {len(cells)} columns; the line of names has {len(names)}"
            else:
                yield reader.line_num, {"site": site or "", **dict(zip(names, map(str.strip, cells), strict=True))}
    except csv.Error as error:
        raise InputError(f"{name}: row {reader.line_num}: {error}; nothing was imported") from error


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise InputError(f"{name}: row {row}: is no UTF-8 text; save it as «CSV UTF-8»") from error


def _names(cells: Sequence[str], name: str, site: str | None, columns: tuple[Sequence[str], Sequence[str]]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    needed, known = columns
    missing = [column for column in (*needed, *(() if site else ("site",))) if column not in names]
    if missing:
        raise InputError(
            f"{name}: row 1: has no column {', '.join(missing)}; needed are {', '.join(needed)}, and site where --site is not given"
        )
    for column in names:
        if names.count(column) > 1 or column not in (*needed, *known):
            wrong = "twice" if names.count(column) > 1 else "and it is none that bintally knows"
            raise InputError(f"{name}: row 1: there is a column {column[:_LONGEST]!r} {wrong}; known are {', '.join((*needed, *known))}")
    if site and "site" in names:
        raise InputError(f"{name}: row 1: has a column site, and --site is given, too; leave one out")
    return names


def _whole(cell: Mapping[str, str], column: str) -> int:
    text = cell[column]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InputError(f"{column} = {text[:_LONGEST]!r}: must be a whole number, 0 or more")
    return int(text)


def _number(cell: Mapping[str, str], column: str) -> float:
    try:
        return float(cell[column])
    except ValueError:
        raise InputError(f"{column} = {cell[column][:_LONGEST]!r}: must be a number, with a point before its decimals") from None


def _time(cell: Mapping[str, str], column: str) -> datetime:
    text = cell[column]
    try:
        # Python 3.10 reads no Z
        return datetime.fromisoformat(text[:-1] + "+00:00" if text[-1] in "Zz" else text)
    except ValueError:
        raise InputError(f"{column} = {text[:_LONGEST]!r}: must be a time such as 2026-11-22T08:30:00Z") from None
