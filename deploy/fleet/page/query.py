"""Which stations, in which order, which page of them (pure)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from bintally.errors import InputError
from deploy.fleet.page.glance import Row

ROWS = (100, 1000)
_LONGEST = 1400
WORKING = ("waiting", "downloading", "verified", "warming", "shadow", "probation")


def model_name(row: Row) -> str:
    """Name and version, empty where it runs none."""
    return f"{row['model']['name']} {row['model']['version']}" if row["model"] else ""


def natural(row: Row) -> list[tuple[int, str]]:
    """By name, numbers inside by their size: pick-2 before pick-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", row["station"])]


def _large_first(field: str) -> Callable[[Row], Any]:
    return lambda row: (row[field] is None, -(row[field] or 0), natural(row))


ORDERS: Mapping[str, Callable[[Row], Any]] = {
    "station": natural,
    "state": lambda row: (row["state"], natural(row)),
    "model": lambda row: (model_name(row), natural(row)),
    "phase": lambda row: (row["phase"] or "", natural(row)),
    "rate": _large_first("counts_per_hour"),
    "unsure": _large_first("unsure_share"),
    "outbox": _large_first("outbox_depth"),
    "seen": lambda row: (row["seen_at"] or 0.0, natural(row)),
    "trouble": lambda row: (-len(row["troubles"]), natural(row)),
}
"""By what the table can be sorted; figures the other way round, since the large ones are looked for."""


@dataclass(frozen=True)
class Query:
    """What somebody asked the table for, as it stands in the address.

    Attributes:
        text: part of the station's name.
        site, state, model, phase: exactly; ``working`` is any phase of an update.
        label: ``KEY=VALUE``, or a key alone.
        trouble: ``1``: only stations in trouble.
        sort: a key of ``ORDERS``, with ``-`` before it the other way round.
        rows: on a page.
        page: from 1.
    """

    text: str = ""
    site: str = ""
    state: str = ""
    model: str = ""
    phase: str = ""
    label: str = ""
    trouble: str = ""
    sort: str = "station"
    rows: int = ROWS[0]
    page: int = 1

    @property
    def is_filtered(self) -> bool:
        """Whether stations may be left out."""
        return bool(self.text or self.site or self.state or self.model or self.phase or self.label or self.trouble)

    def address(self, **changes: Any) -> str:
        """Where this query is, with some of it changed; back on the first page where it is not told."""
        changed = replace(self, **{"page": 1, **changes})
        given = {one.name: getattr(changed, one.name) for one in fields(Query) if getattr(changed, one.name) != one.default}
        return f"/?{urlencode(given)}" if given else "/"


def read_query(given: Mapping[str, str]) -> Query:
    """Read what stands in an address; unknown names are nothing.

    Raises:
        InputError: a value is none that there is.
    """
    texts = {name: given.get(name, "").strip() for name in ("text", "site", "state", "model", "phase", "label", "trouble")}
    too_long = next((name for name, value in texts.items() if len(value) > _LONGEST), None)
    sort, rows, page = given.get("sort", "station"), given.get("rows", str(ROWS[0])), given.get("page", "1")
    if too_long:
        raise InputError(f"{too_long}: too long; {_LONGEST} characters are read")
    if sort.removeprefix("-") not in ORDERS:
        raise InputError(f"sort: {sort[:40]!r} is none of {', '.join(ORDERS)}")
    if rows not in map(str, ROWS):
        raise InputError(f"rows: {rows[:40]!r} is none of {', '.join(map(str, ROWS))}")
    if not (page.isascii() and page.isdigit() and len(page) < 6 and int(page)):
        raise InputError(f"page: {page[:40]!r} is no page, which are 1 and more")
    return Query(**texts, sort=sort, rows=int(rows), page=int(page))


def chosen(query: Query, stations: Sequence[Row]) -> list[Row]:
    """The stations that a query names, in its order."""
    found = sorted((row for row in stations if _matches(query, row)), key=ORDERS[query.sort.removeprefix("-")])
    return found[::-1] if query.sort.startswith("-") else found


def pages(query: Query, count: int) -> tuple[int, int, range]:
    """The page that is shown, how many there are, and which of the stations it holds; behind the last one is the last one."""
    last = max(1, math.ceil(count / query.rows))
    page = min(query.page, last)
    return page, last, range((page - 1) * query.rows, min(page * query.rows, count))


def _matches(query: Query, row: Row) -> bool:
    key, _, value = query.label.partition("=")
    return (
        query.text.lower() in row["station"].lower()
        and query.site in ("", row["station"].partition("/")[0])
        and query.state in ("", row["state"])
        and query.model in ("", model_name(row))
        and (query.phase in ("", row["phase"]) or (query.phase == "working" and row["phase"] in WORKING))
        and (not key or row["labels"].get(key) == value or (not value and key in row["labels"]))
        and (not query.trouble or bool(row["troubles"]))
    )
