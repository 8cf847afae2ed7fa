"""``bintally wms``."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bintally.brokers import DEFAULT_BROKER

if TYPE_CHECKING:
    from bintally.messages import CountEvent
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
    listen_parser.add_argument(
        "--broker", default=DEFAULT_BROKER, help="mqtt://host:port, mqtts://, ws:// or wss:// (default: %(default)s)"
    )
    listen_parser.add_argument("--user", help="name at the broker")
    listen_parser.add_argument("--password-file", type=Path, metavar="FILE", help="file whose only line is the password")
    listen_parser.add_argument(
        "--ca",
        type=Path,
        metavar="FILE",
        help="certificates of the authorities that the broker's own may come from (default: the system's)",
    )
    listen_parser.add_argument("--certificate", type=Path, metavar="FILE", help="this side's certificate (mutual TLS), with --key")
    listen_parser.add_argument("--key", type=Path, metavar="FILE", help="the private key of --certificate, without a passphrase")
    listen_parser.add_argument("--alpn", help="TLS protocol name, for brokers that share port 443")
    listen_parser.add_argument("--ledger", default="sqlite:///ledger.db", help="database URL (default: %(default)s)")
    listen_parser.add_argument("--site", help="only this site's stations")
    listen_parser.add_argument(
        "--json", action="store_true", help="one JSON object a count or gap, instead of the table, which needs a terminal"
    )
    options = parser.parse_args(arguments)

    from bintally.brokers import broker_access
    from bintally.logs import log_to_stderr
    from warehouse.ledger import Ledger
    from warehouse.subscriber import listen

    log_to_stderr(logging.WARNING)
    access = broker_access(options.broker, options.user, options.password_file, options.ca, options.certificate, options.key, options.alpn)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    ledger = Ledger(options.ledger)
    try:
        received = listen(access, ledger, stop, options.site)
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
    """One count, or one gap, for programs."""
    from bintally.messages import GapEvent

    if isinstance(one.event, GapEvent):
        where = {"site": one.station.site, "station": one.station.station}
        return {**where, "gap": one.event.data.model_dump(), "id": one.event.id, "repeat": one.repeat}
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

    from bintally.messages import GapEvent

    newest: dict[tuple[str, str, str], CountEvent] = {}
    total = 0

    def table() -> Table:
        shown = Table(title=f"counts in the ledger since the start: {total}", title_justify="left")
        for heading in ("site", "station", "bin"):
            shown.add_column(heading)
        for heading in ("count", "confidence", "taken at (UTC)"):
            shown.add_column(heading, justify="right")
        for names, event in list(newest.items())[-20:]:
            data = event.data
            answer = "unsure" if data.unsure else f"{data.at_least} or more" if data.at_least else str(data.counted)
            when = data.taken_at.strftime("%H:%M:%S")
            shown.add_row(*map(escape, names), answer, f"{data.confidence:.0%}", when)
        return shown

    # drawn a few times a second, and not for each count: the drawing would hold up the receiving
    with Live(get_renderable=table, refresh_per_second=4):
        for one in received:
            if isinstance(one.event, GapEvent):
                continue
            total += not one.repeat
            key = (one.station.site, one.station.station, one.event.subject)
            newest.pop(key, None)
            newest[key] = one.event
            if len(newest) > 1000:
                newest.pop(next(iter(newest)))
