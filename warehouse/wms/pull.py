"""``bintally wms pull``."""

from __future__ import annotations

import argparse
from pathlib import Path

from warehouse.wms.options import ledger_option


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "ask a WMS by HTTP what its books say, once or again and again"
    parser = commands.add_parser(
        "pull",
        help=text,
        description=f"{text[0].upper()}{text[1:]}: a JSON array of objects, or CSV with a line of names; pages are followed by Link. "
        "All rows are imported, or none.",
        epilog="example: bintally wms pull --url https://wms.example/stock --token-file wms.token --map quantity=qty,bin=location --every 60",
    )
    parser.set_defaults(run=_pull)
    parser.add_argument("--url", required=True, help="address of the WMS's stock by bin")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="its only line is the token")
    parser.add_argument(
        "--header",
        default="Authorization",
        metavar="NAME",
        help="in which the token goes; in Authorization it is a bearer token (default: %(default)s)",
    )
    parser.add_argument(
        "--map",
        default="",
        metavar="OURS=THEIRS,…",
        help="the WMS's names of bin, quantity, site, at, article, value; a dot leads into an object",
    )
    parser.add_argument("--items", metavar="NAME", help="where the rows stand in the answer, if that is an object")
    parser.add_argument("--site", help="of rows that do not say theirs")
    parser.add_argument("--every", type=_seconds, metavar="SECONDS", help="ask again and again (default: once)")
    parser.add_argument("--json", action="store_true", help="one JSON object an import")
    ledger_option(parser)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 604_800:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 1 to 604800")
    return seconds


def _pull(options: argparse.Namespace) -> int:
    import json
    import logging
    import signal
    import sys
    import threading

    from bintally.brokers import read_password
    from bintally.logs import log_to_stderr
    from warehouse.ledger import Ledger
    from warehouse.ledger.expectations import Imported
    from warehouse.pull.fetch import check_url, header_of
    from warehouse.pull.pull import Wms, poll, pull
    from warehouse.pull.records import read_map

    def tell(done: Imported) -> None:
        text = f"{done.changed} changed, {done.same} the same, {done.late} late"
        print(json.dumps(vars(done)) if options.json else text, flush=True)

    log_to_stderr(logging.WARNING)
    token = None if options.token_file is None else read_password(options.token_file)
    if token and check_url(options.url).scheme == "http":
        print("the token travels unencrypted; use https", file=sys.stderr)
    headers = header_of(options.header, token) if token else {}
    wms = Wms(options.url, headers, read_map(options.map), options.items, options.site)
    with Ledger(options.ledger) as ledger:
        if options.every is None:
            done = pull(wms, ledger)
            tell(Imported() if done is None else done)
            return 0
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        poll(wms, ledger, options.every, stop, tell)
    return 0
