"""From batches to the ledger: each is stored in one transaction, then acknowledged; none is lost to what one message holds."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from bintally.errors import UnavailableError
from bintally.messages import CountEvent, GapEvent, State, utc_now
from bintally.topics import Station
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import Ledger, dead_letters, events, stations
from warehouse.ledger.events import Key
from warehouse.subscriber import Arrived, Batch, Letter, Said, Subscriber
from warehouse.wms.recent import Recent

_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.ProgrammingError, sa.exc.InternalError, sa.exc.TimeoutError)
"""Not the data's fault: no connection, a full disk, a deadlock, a table that is not there."""
_HERE = {"localhost", "127.0.0.1", "::1", ""}
log = structlog.get_logger()


@dataclass(frozen=True)
class Received:
    """A count or a gap that is in the ledger: from which station, and whether it was there before."""

    station: Station
    event: CountEvent | GapEvent
    repeat: bool


def receive(subscriber: Subscriber, ledger: Ledger, rules: Rules) -> Iterator[Received]:
    """Store what arrives until the subscriber is stopped; while the database is away nothing is acknowledged, and all of it waits."""
    away, recent = False, Recent()
    for batch in subscriber.batches():
        try:
            fresh = store(ledger, batch, rules, recent)
        except UnavailableError as error:
            if not away:
                log.error("nothing can be stored, trying again", reason=str(error))  # noqa: TRY400 - the text says it all
            away = True
            continue
        away = False
        batch.acknowledge()
        yield from _received(batch, fresh)


def store(ledger: Ledger, batch: Batch, rules: Rules, recent: Recent | None = None) -> set[Key]:
    """Store a batch; an event that the ledger cannot hold becomes a dead letter, so that it does not fail its batch for ever.

    Args:
        ledger: where to.
        batch: what to store.
        rules: when a discrepancy is opened and settled.
        recent: what was stored a moment ago need not be stored again.

    Returns:
        ``(source, id)`` of the events that were new.

    Raises:
        UnavailableError: the database is away, and some of it may be stored or none: try again.
    """
    recent, now_s = Recent() if recent is None else recent, time.monotonic()
    recent.forget(now_s)
    try:
        fresh = _store(ledger, [one for one in batch if _key(one) not in recent], batch.said, batch.letters, rules)
    except Exception as error:  # whatever one message does to the ledger, the others must go on
        if _is_away(error):
            raise
        log.exception("a batch could not be stored, trying one by one", events=len(batch))
        fresh = _store_each(ledger, batch, rules)
    recent.add(map(_key, batch), now_s)
    return fresh


def _key(arrived: Arrived) -> Key:
    return arrived.event.source, arrived.event.id


def _store_each(ledger: Ledger, batch: Batch, rules: Rules) -> set[Key]:
    fresh = _store(ledger, [], [], batch.letters, rules)
    for arrived in list(batch):
        fresh |= _store_or_refuse(ledger, batch, arrived, rules)
    for said in batch.said:
        try:
            _store(ledger, [], [said], [], rules)
        except Exception as error:
            if _is_away(error):
                raise
            log.exception("what a station says of itself could not be stored", station=said.station.source)
    return fresh


def _store_or_refuse(ledger: Ledger, batch: Batch, arrived: Arrived, rules: Rules) -> set[Key]:
    try:
        return _store(ledger, [arrived], [], [], rules)
    except Exception as error:
        if _is_away(error):
            raise
        log.exception("an event could not be stored, it is kept as a dead letter", source=arrived.event.source, id=arrived.event.id)
        letter = batch.refuse(arrived, f"the ledger cannot hold it: {error}")
    return _store(ledger, [], [], [letter], rules)


def _store(ledger: Ledger, arrived: Sequence[Arrived], said: Sequence[Said], letters: Sequence[Letter], rules: Rules) -> set[Key]:
    now = utc_now()
    with ledger.begin(f"{len(arrived)} counts could not be committed; stations keep them") as tx:
        fresh = events.take(tx, [events.Arrived(one.station, one.event) for one in arrived], rules, now)
        for one in _newest(said):
            if isinstance(one.what, State):
                stations.state(tx, one.station, one.what, now)
            else:
                stations.health(tx, one.station, one.what, now)
        dead_letters.keep(tx, letters, now)
    return fresh


def _newest(said: Sequence[Said]) -> Collection[Said]:
    """Of each station the last state and the last health."""
    return {(one.station, type(one.what)): one for one in said}.values()


def _is_away(error: BaseException) -> bool:
    """Whether it is the database's fault, and not that of what was to be stored."""
    return isinstance(error, UnavailableError) and (error.__cause__ is None or isinstance(error.__cause__, _AWAY))


def _received(batch: Batch, fresh: set[Key]) -> Iterator[Received]:
    for arrived in batch:
        event = arrived.event
        repeat = (event.source, event.id) not in fresh
        fresh.discard((event.source, event.id))
        if isinstance(event, GapEvent) and not repeat:
            log.warning("a station gave up events", station=event.source, reason=event.data.reason, ranges=len(event.data.ranges))
        yield Received(arrived.station, event, repeat)
    if batch.letters:  # one line, however many somebody sends
        last = batch.letters[-1]
        log.warning("messages refused, kept as dead letters", messages=len(batch.letters), topic=last.topic, reason=last.reason)


def group_of(where: str) -> str:
    """The group of all workers of a ledger: workers of two ledgers must not take each other's counts.

    Args:
        where: ``Ledger.where``.
    """
    url = sa.make_url(where)
    local = url.get_backend_name() == "sqlite" or (url.host or "") in _HERE
    names = (socket.gethostname() if local else url.host, url.port, url.database)
    return f"wms-{hashlib.sha256(repr(names).encode()).hexdigest()[:8]}"
