"""``bintally wms``."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bintally.brokers import DEFAULT_BROKER

if TYPE_CHECKING:
    from warehouse.subscriber import Received


def wms(arguments: Sequence[str]) -> int:
    """the warehouse's side: receive counts into a ledger and acknowledge them"""
    parser = argparse.ArgumentParser(prog="bintally wms", description=wms.__doc__)
    commands = parser.add_subparsers(required=True, metavar="listen")
    listen_parser = commands.add_parser(
        "listen",
        help="receive counts until stopped",
        description="Subscribe to the counts of all stations, commit each one once to the ledger, then acknowledge it.",
        epilog="example: bintally wms listen --broker mqtt://127.0.0.1:1883 --ledger sqlite:///ledger.db",
    )
    listen_parser.add_argument("--broker", default=DEFAULT_BROKER, help="mqtt://host:port (default: %(default)s)")
    listen_parser.add_argument("--ledger", default="sqlite:///ledger.db", help="database URL (default: %(default)s)")
    listen_parser.add_argument("--site", help="only this site's stations")
    listen_parser.add_argument("--json", action="store_true", help="one JSON object a count, instead of the table")
    options = parser.parse_args(arguments)

    from bintally.logs import log_to_stderr
    from warehouse.ledger import Ledger
    from warehouse.subscriber import listen

    log_to_stderr(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    ledger = Ledger(options.ledger)
    try:
        received = listen(options.broker, ledger, stop, options.site)
        print(f"receiving from {options.broker} into {ledger.where}; Ctrl-C ends it", file=sys.stderr)
        if options.json:
            for one in received:
                print(json.dumps(as_json(one)), flush=True)
        else:
            _show_table(received)
    finally:
        ledger.close()
    return 0


def as_json(one: Received) -> dict[str, Any]:
    """One count for programs."""
    event, data = one.event, one.event.data
    return {
        "site": one.station.site,
        "station": one.station.station,
        "bin": event.subject,
        "counted": data.counted,
        "at_least": data.at_least,
        "unsure": data.unsure,
        "confidence": data.confidence,
        "file": data.file,
        "taken_at": data.taken_at.isoformat(),
        "frame_ms": data.frame_ms,
        "id": event.id,
        "repeat": one.repeat,
    }


def _show_table(received: Iterable[Received]) -> None:
    from rich.live import Live
    from rich.markup import escape
    from rich.table import Table

    newest: dict[tuple[str, str, str], Received] = {}
    total = 0

    def table() -> Table:
        shown = Table(title=f"counts in the ledger since the start: {total}", title_justify="left")
        for heading in ("site", "station", "bin"):
            shown.add_column(heading)
        for heading in ("count", "confidence", "taken at (UTC)"):
            shown.add_column(heading, justify="right")
        for one in list(newest.values())[-20:]:
            data = one.event.data
            answer = "unsure" if data.unsure else f"{data.at_least} or more" if data.at_least else str(data.counted)
            when = data.taken_at.strftime("%H:%M:%S")
            names = (one.station.site, one.station.station, one.event.subject)
            shown.add_row(*map(escape, names), answer, f"{data.confidence:.0%}", when)
        return shown

    with Live(auto_refresh=False) as live:
        for one in received:
            if not one.repeat:
                total += 1
            key = (one.station.site, one.station.station, one.event.subject)
            newest.pop(key, None)
            newest[key] = one
            if len(newest) > 1000:
                newest.pop(next(iter(newest)))
            live.update(table(), refresh=True)
