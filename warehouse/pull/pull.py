"""From a WMS's answer into the ledger: all of it, or nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from bintally.errors import InputError, UnavailableError
from bintally.messages.base import utc_now
from warehouse.ledger import Ledger
from warehouse.ledger.expectations import Imported, expect
from warehouse.pull.fetch import LaterError, fetch
from warehouse.pull.records import as_rows, read_records

_LONGEST_S = 3600.0
_LONGEST_BY = 200
log = structlog.get_logger()


@dataclass
class Wms:
    """A WMS, and what it said last.

    Attributes:
        url: of what its books say.
        headers: that go with each request.
        fields: our name → its own.
        items: where the rows stand in a JSON object; None: the answer is the array.
        site: of rows that do not say theirs.
        tag: of the last answer that was imported.
    """

    url: str
    headers: dict[str, str] = field(repr=False)
    fields: dict[str, str]
    items: str | None = None
    site: str | None = None
    tag: str | None = None


def pull(wms: Wms, ledger: Ledger) -> Imported | None:
    """Ask once; None where nothing has changed since the last time.

    Raises:
        InputError: it answers something else than books; nothing was imported.
        UnavailableError: it, or the ledger, does not answer; nothing was imported.
        UsageError: its address is none.
    """
    pages = fetch(wms.url, wms.headers, wms.tag)
    if pages is None:
        return None
    records = [record for page in pages for record in read_records(page.content, page.kind, wms.items)]
    rows = as_rows(records, wms.fields, wms.site, wms.url)
    with ledger.begin("nothing was imported") as tx:
        done = expect(tx, rows, wms.url.partition("?")[0][:_LONGEST_BY], "http", utc_now())
    wms.tag = pages[0].tag if len(pages) == 1 else None
    return done


def poll(wms: Wms, ledger: Ledger, every_s: float, stop: threading.Event, told: Callable[[Imported], None]) -> None:
    """Ask again and again until ``stop`` is set; what fails is told and asked for again."""
    while not stop.is_set():
        wait_s = every_s
        try:
            done = pull(wms, ledger)
            if done is not None:
                told(done)
        except LaterError as error:
            log.warning("the WMS does not answer; asking again", reason=str(error))
            wait_s = max(every_s, min(error.wait_s or 0.0, _LONGEST_S))
        except (InputError, UnavailableError) as error:
            log.warning("nothing imported; asking again", reason=str(error))
        stop.wait(wait_s)
