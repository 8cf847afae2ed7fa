"""``bintally wms listen``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from warehouse.wms.options import access_of, broker_options, ledger_option

if TYPE_CHECKING:
    from bintally.messages import CountEvent
    from warehouse.wms.receive import Received


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "listen",
        help="receive counts until stopped, and deliver what follows from them",
        description="Subscribe to the counts of all stations, commit each one once to the ledger, then acknowledge it. Expected quantities go "
        "to the stations, discrepancies to MQTT and webhooks. Several may run on one PostgreSQL: each needs its own --worker.",
        epilog="example: bintally wms listen --broker mqtt://127.0.0.1:1883 --ledger sqlite:///ledger.db",
    )
    parser.set_defaults(run=_listen)
    broker_options(parser)
    ledger_option(parser)
    parser.add_argument("--site", help="only this site's stations")
    parser.add_argument("--worker", help="name of this listener among those of the ledger, the same at each start (default: the host's)")
    parser.add_argument("--group", help="listeners of one group share the messages (default: one for each ledger)")
    parser.add_argument("--in-flight", type=int, default=1000, metavar="N", help="messages in hand at most (default: %(default)s)")
    parser.add_argument("--mqtt311", action="store_true", help="speak MQTT 3.1.1 with the broker")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="one JSON object a count or gap, instead of the table, which needs a terminal")
    shown.add_argument("--quiet", action="store_true", help="nothing but trouble, for services")


def _listen(options: argparse.Namespace) -> int:
    import json
    import logging
    import signal
    import socket
    import sys

    from bintally.logs import log_to_stderr
    from warehouse.deliveries.hooks import Hooks
    from warehouse.deliveries.publisher import Publisher
    from warehouse.discrepancies.rules import Rules
    from warehouse.ledger import Ledger
    from warehouse.subscriber import Subscriber
    from warehouse.wms.receive import group_of, receive

    log_to_stderr(logging.WARNING)
    access = access_of(options)
    with Ledger(options.ledger) as ledger:
        subscriber = Subscriber(
            access,
            options.worker or socket.gethostname()[:100],
            group=options.group or group_of(ledger.where),
            site=options.site,
            states=True,
            in_flight=options.in_flight,
            mqtt311=options.mqtt311,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: subscriber.stop())
        publisher, hooks = Publisher(ledger, access), Hooks(ledger)
        try:
            subscriber.start()
            publisher.start()
            hooks.start()
            print(f"receiving from {options.broker} into {ledger.where}; Ctrl-C ends it", file=sys.stderr)
            received = receive(subscriber, ledger, Rules())
            if options.quiet:
                for _ in received:
                    pass
            elif options.json:
                for one in received:
                    print(json.dumps(as_json(one)), flush=True)
            else:
                _show_table(received)
        finally:
            subscriber.close()
            hooks.close()
            publisher.close()
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
