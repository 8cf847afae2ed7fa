"""The daily report: what was found, what was done about it, and how far the alarms can be trusted (pure). As CSV here, as a page beside it."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from warehouse.discrepancies.rates import Rates

_COLUMNS = (
    "number", "site", "zone", "bin", "article", "kind", "state", "outcome", "expected", "likely", "found", "p_wrong", "cost",
    "opened_at", "changed_at", "assigned_to", "settled_by",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Found:
    """A discrepancy that was opened or settled on the day, or is open at its end; the columns of the ledger's table, with zone and article.

    ``state`` is as it was at the end of the day, the other values are the newest.
    """

    number: int
    site: str
    zone: str
    bin: str
    article: str | None
    kind: str
    state: str
    outcome: str | None
    expected: int | None
    likely: int | None
    found: int | None
    p_wrong: float
    cost: float
    opened_at: datetime
    changed_at: datetime
    assigned_to: str | None
    settled_by: str | None


@dataclass(frozen=True)
class StationDay:
    """What a station did that day.

    Attributes:
        heard_at: the last time that anything came of it before the day's end; None: nothing ever.
        counts: how many of its counts were received that day; ``unsure`` of them had no answer.
    """

    site: str
    station: str
    heard_at: datetime | None
    counts: int
    unsure: int


@dataclass(frozen=True)
class SiteRates:
    """How far a site's alarms can be trusted.

    Attributes:
        days: before the end of the report's day, of which the findings are.
        alarms: bins that had one in that time; ``looked`` of them somebody looked into; ``drawn``: bins without one that were drawn and looked into.
        assumed: the share of wrong bins that the ledger reckons with.
    """

    site: str
    days: int
    alarms: int
    looked: int
    drawn: int
    rates: Rates
    assumed: float


@dataclass(frozen=True)
class Zone:
    """A line of the table of zones."""

    site: str
    zone: str
    opened: int
    settled: int
    open: int
    cost: float


@dataclass(frozen=True)
class Report:
    """A day.

    Attributes:
        day: in the time zone ``zone``.
        made_at: when it was asked for.
        discrepancies: all that were opened or settled that day, or were open at its end.
    """

    day: date
    zone: tzinfo
    made_at: datetime
    discrepancies: Sequence[Found]
    stations: Sequence[StationDay]
    rates: Sequence[SiteRates]

    @property
    def begin(self) -> datetime:
        """The day's first moment."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=self.zone)

    @property
    def end(self) -> datetime:
        """The next day's first moment, or when the report was made, if that is earlier."""
        after = self.day + timedelta(days=1)
        return min(datetime(after.year, after.month, after.day, tzinfo=self.zone), self.made_at)

    def opened(self) -> list[Found]:
        """Opened that day."""
        return [one for one in self.discrepancies if one.opened_at >= self.begin]

    def settled(self) -> list[Found]:
        """Settled that day."""
        return [one for one in self.discrepancies if one.state == "settled"]

    def outcomes(self) -> dict[str, int]:
        """How they were settled, the most frequent first."""
        return dict(Counter(one.outcome or "" for one in self.settled()).most_common())

    def open_by_cost(self) -> list[Found]:
        """Open at the day's end, the costliest first."""
        left = [one for one in self.discrepancies if one.state != "settled"]
        return sorted(left, key=lambda one: (-one.cost, one.number))

    def by_zone(self) -> list[Zone]:
        """What happened in each zone, the costliest first."""
        parts = defaultdict[tuple[str, str], list[Found]](list)
        for one in self.discrepancies:
            parts[one.site, one.zone].append(one)
        return sorted((_zone(*name, part, self.begin) for name, part in parts.items()), key=lambda zone: (-zone.cost, zone.site, zone.zone))

    def silent(self, for_s: float) -> list[StationDay]:
        """Stations of which nothing came for so long before the day's end, the longest first."""
        latest = self.end - timedelta(seconds=for_s)
        found = [one for one in self.stations if one.heard_at is None or one.heard_at < latest]
        return sorted(found, key=lambda one: (one.heard_at is not None, one.heard_at or self.begin, one.site, one.station))

    def often_unsure(self, share: float, least: int) -> list[StationDay]:
        """Stations that were unsure of at least this share of at least so many counts, the worst first."""
        found = [one for one in self.stations if one.counts >= least and one.unsure >= share * one.counts]
        return sorted(found, key=lambda one: (-one.unsure / one.counts, one.site, one.station))


def to_csv(report: Report) -> str:
    """One line a discrepancy, times in the report's zone, with a heading.

    A text that a spreadsheet would take for a formula gets an apostrophe before it: names of bins come from outside.
    """
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(_COLUMNS)
    for one in report.discrepancies:
        rows.writerow([_cell(getattr(one, name), report.zone) for name in _COLUMNS])
    return text.getvalue()


def _cell(value: object, zone: tzinfo) -> object:
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, float):
        return round(value, 4)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _zone(site: str, zone: str, part: Iterable[Found], begin: datetime) -> Zone:
    found = list(part)
    left = [one for one in found if one.state != "settled"]
    opened = sum(one.opened_at >= begin for one in found)
    return Zone(site, zone, opened, len(found) - len(left), len(left), sum(one.cost for one in left))
