"""What a WMS answers, as rows of books (pure)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bintally.errors import InputError, UsageError
from warehouse.ledger.expectations import Row
from warehouse.ledger.sheets import BOOKS, read_books

_COLUMNS = (*BOOKS[0], *BOOKS[1])
Record = Mapping[str, Any]
"""A row as the WMS has it."""


def read_map(text: str) -> dict[str, str]:
    """Which of the WMS's fields is which of ours, from ``quantity=qty,bin=location.name``; a dot leads into an object.

    Raises:
        UsageError: it is no such list, or names a field that we do not have.
    """
    fields = {column: column for column in _COLUMNS}
    for word in filter(None, text.split(",")):
        ours, equals, theirs = (part.strip() for part in word.partition("="))
        if not equals or not theirs or ours not in fields:
            raise UsageError(f"--map {word!r}: give OURS=THEIRS, where ours is one of {', '.join(_COLUMNS)}; for instance bin=location")
        fields[ours] = theirs
    return fields


def read_records(content: bytes, kind: str, items: str | None) -> list[Record]:
    """The rows of one page.

    Args:
        content: the answer's body.
        kind: its media type; anything with ``csv`` in it is a table with a line of names, everything else JSON.
        items: where the array stands in a JSON object, with dots; None: the answer is the array.

    Raises:
        InputError: it is neither.
    """
    if "csv" in kind:
        return _table(content)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the answer ({kind or 'of no type'}) is no JSON ({error}); CSV must say that it is text/csv") from error
    for name in items.split(".") if items else ():
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        where = "at --items" if items else "; if the rows stand in an object, say where with --items"
        raise InputError(f"the answer is no array of objects {where}")
    return found


def as_rows(records: Sequence[Record], fields: Mapping[str, str], site: str | None, name: str) -> list[Row]:
    """All pages' rows, checked as an imported file is.

    Args:
        records: of all pages.
        fields: our name → the WMS's.
        site: of rows that do not say theirs.
        name: of the WMS, for messages.

    Raises:
        InputError: rows are wrong; tells the first 20, row 2 being the first one.
    """
    told = [{ours: _cell(_field(record, theirs)) for ours, theirs in fields.items()} for record in records]
    columns = [ours for ours in _COLUMNS if ours in BOOKS[0] or any(row[ours] for row in told)]
    if site is not None and "site" in columns:
        raise InputError(f"{name}: the rows say of which site they are; leave --site out")
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(told)
    # lone surrogates can stand in JSON; they become what no name may hold
    return read_books(sheet.getvalue().encode("utf-8", "replace"), name, site) if records else []


def _table(content: bytes) -> list[Record]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"the answer is no UTF-8 text ({error.reason} at byte {error.start})") from error
    head = text.partition("\n")[0]
    try:
        rows: list[Record] = list(
            csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",", strict=True)
        )
    except csv.Error as error:
        raise InputError(f"the answer is no CSV ({error})") from error
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise InputError(f"row {number}: has another number of columns than the line of names")
    return rows


def _field(record: Record, path: str) -> Any:
    if path in record:
        return record[path]
    found: Any = record
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _cell(value: Any) -> str:
    """As it would stand in a file; what is no single value stays recognisable in the message about it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.strip() if isinstance(value, str) else json.dumps(value)
