"""What the daily report and the rates are made of."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa

from warehouse.discrepancies.rates import Stratum, rates
from warehouse.discrepancies.report import Found, Report, SiteRates, StationDay
from warehouse.discrepancies.rules import Rules
from warehouse.ledger.case_rows import SETTLED, is_open
from warehouse.ledger.engine import insert
from warehouse.ledger.judging import wrong_share
from warehouse.ledger.tables import BINS, CORRECTIONS, COUNTS, DISCREPANCIES, EXPECTATIONS, PLACES, SITES, STATIONS

RATES_DAYS = 30
AUDIT = "audit"
"""The origin of corrections of bins that were drawn at random."""
_LOOKED = ("books wrong", "books right")
Strata = tuple[Stratum, Stratum, Stratum]


def report(tx: sa.Connection, day: date, zone: tzinfo, now: datetime, site: str | None = None, rules: Rules | None = None) -> Report:
    """The report of a day.

    Args:
        tx: any transaction.
        day: in the time zone.
        zone: in which days begin.
        now: aware; what comes later is not in the report of a day that is not over.
        site: only this one's.
        rules: that the ledger follows.
    """
    empty = Report(day, zone, now, (), (), ())
    sites = [site] if site is not None else sorted(tx.execute(sa.select(BINS.c.site).distinct()).scalars())
    found = [_rates(tx, one, empty.end, rules or Rules()) for one in sites]
    return Report(day, zone, now, _discrepancies(tx, empty, site), _stations(tx, empty, site), [one for one in found if one is not None])


def strata(tx: sa.Connection, site: str, since: datetime, until: datetime) -> Strata:
    """A site's bins that have books: those with an alarm in a time, those that were only unsure, the others; and what people found in them."""
    kinds, found = dict[str, str](), dict[str, str]()
    query = sa.select(DISCREPANCIES.c.bin, DISCREPANCIES.c.kind, DISCREPANCIES.c.outcome)
    here = (DISCREPANCIES.c.site == site, DISCREPANCIES.c.opened_at >= since, DISCREPANCIES.c.opened_at < until)
    for bin_, kind, outcome in tx.execute(query.where(*here).order_by(DISCREPANCIES.c.number)):
        kinds[bin_] = "mismatch" if "mismatch" in (kind, kinds.get(bin_)) else kind
        if outcome in _LOOKED:
            found[bin_] = outcome
    bins = tx.execute(sa.select(sa.func.count()).where(BINS.c.site == site, BINS.c.expected.is_not(None))).scalar_one()
    alarms, tasks = (_stratum([bin_ for bin_ in kinds if kinds[bin_] == kind], found) for kind in ("mismatch", "unsure"))
    drawn = _drawn(tx, site, since, until, kinds)
    quiet = max(bins - alarms.bins - tasks.bins, len(drawn))
    return alarms, tasks, Stratum(quiet, sum(drawn.values()), len(drawn) - sum(drawn.values()))


def draw(tx: sa.Connection, site: str, number: int, seed: int) -> list[tuple[str, str]]:
    """Draw bins that have books and no open discrepancy, each as likely as any other.

    Returns:
        (bin, zone), by zone and bin.
    """
    at = (PLACES.c.site == BINS.c.site) & (PLACES.c.bin == BINS.c.bin)
    busy = sa.exists().where(is_open(), DISCREPANCIES.c.site == BINS.c.site, DISCREPANCIES.c.bin == BINS.c.bin)
    query = sa.select(BINS.c.bin, sa.func.coalesce(PLACES.c.zone, "")).select_from(BINS.outerjoin(PLACES, at))
    quiet = [
        (bin_, zone)
        for bin_, zone in tx.execute(query.where(BINS.c.site == site, BINS.c.expected.is_not(None), ~busy).order_by(BINS.c.bin))
    ]
    drawn = random.Random(seed).sample(quiet, min(number, len(quiet)))  # noqa: S311 - a sample, no secret
    return sorted(drawn, key=lambda one: (one[1], one[0]))


def assume(tx: sa.Connection, site: str, share: float) -> None:
    """Reckon with this share of wrong bins of a site from now on, as often as a bin is judged anew."""
    new = insert(tx, SITES).values(site=site, wrong_share=share)
    tx.execute(new.on_conflict_do_update(index_elements=[SITES.c.site], set_={"wrong_share": share}))


def _rates(tx: sa.Connection, site: str, until: datetime, rules: Rules) -> SiteRates | None:
    parts = strata(tx, site, until - timedelta(days=RATES_DAYS), until)
    if not any(part.bins for part in parts):
        return None
    alarms, _, quiet = parts
    return SiteRates(site, RATES_DAYS, alarms.bins, alarms.looked, quiet.looked, rates(*parts), wrong_share(tx, site, rules))


def _stratum(bins: Collection[str], found: dict[str, str]) -> Stratum:
    outcomes = [found.get(bin_) for bin_ in bins]
    return Stratum(len(bins), outcomes.count("books wrong"), outcomes.count("books right"))


def _drawn(tx: sa.Connection, site: str, since: datetime, until: datetime, noticed: Collection[str]) -> dict[str, bool]:
    """Bin → whether the books were wrong about it when it was drawn and looked into; those with a discrepancy of their own stand elsewhere."""
    books = (EXPECTATIONS.c.site == CORRECTIONS.c.site) & (EXPECTATIONS.c.bin == CORRECTIONS.c.bin)
    before = books & (EXPECTATIONS.c.at < CORRECTIONS.c.at)
    newest = sa.select(EXPECTATIONS.c.quantity).where(before).order_by(EXPECTATIONS.c.at.desc(), EXPECTATIONS.c.number.desc()).limit(1)
    query = sa.select(CORRECTIONS.c.bin, CORRECTIONS.c.quantity, newest.scalar_subquery())
    here = (CORRECTIONS.c.site == site, CORRECTIONS.c.origin == AUDIT, CORRECTIONS.c.at >= since, CORRECTIONS.c.at < until)
    rows = tx.execute(query.where(*here).order_by(CORRECTIONS.c.number))
    return {bin_: quantity != expected for bin_, quantity, expected in rows if expected is not None and bin_ not in noticed}


def _discrepancies(tx: sa.Connection, day: Report, site: str | None) -> list[Found]:
    table = DISCREPANCIES.c
    at = (PLACES.c.site == table.site) & (PLACES.c.bin == table.bin)
    of = (BINS.c.site == table.site) & (BINS.c.bin == table.bin)
    joined = DISCREPANCIES.outerjoin(PLACES, at).outerjoin(BINS, of)
    query = sa.select(DISCREPANCIES, PLACES.c.zone, BINS.c.article).select_from(joined)
    query = query.where(table.opened_at < day.end, sa.or_(is_open(), table.changed_at >= day.begin)).order_by(table.number)
    if site is not None:
        query = query.where(table.site == site)
    return [_found(row, day) for row in tx.execute(query).mappings()]


def _found(row: sa.RowMapping, day: Report) -> Found:
    values = {name: row[name] for name in Found.__dataclass_fields__}
    if row["state"] == SETTLED and row["changed_at"] >= day.end:
        values.update(state="open", outcome=None, found=None, settled_by=None)
    return Found(**{**values, "zone": row["zone"] or ""})


def _stations(tx: sa.Connection, day: Report, site: str | None) -> list[StationDay]:
    here: list[Any] = [] if site is None else [STATIONS.c.site == site]
    known = tx.execute(sa.select(STATIONS).where(*here).order_by(STATIONS.c.site, STATIONS.c.station)).all()
    unsure = sa.func.sum(sa.case((COUNTS.c.unsure, 1), else_=0))
    query = sa.select(COUNTS.c.source, sa.func.count(), unsure, sa.func.max(COUNTS.c.received_at))
    query = query.where(COUNTS.c.received_at >= day.begin, COUNTS.c.received_at < day.end).group_by(COUNTS.c.source)
    counted = {source: (counts, int(doubts), last) for source, counts, doubts, last in tx.execute(query)}
    return [_station(one, day.end, counted.get(one.source)) for one in known]


def _station(one: sa.Row[Any], end: datetime, counted: tuple[int, int, datetime] | None) -> StationDay:
    counts, unsure, last = counted or (0, 0, None)
    heard = [at for at in (one.state_at, one.health_at, one.counted_at, last) if at is not None and at < end]
    return StationDay(one.site, one.station, max(heard, default=None), counts, unsure)
