"""``bintally wms serve``."""

from __future__ import annotations

import argparse
import ipaddress
from pathlib import Path

from warehouse.wms.options import ledger_option

_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "open the ledger over HTTP: counts, bins, discrepancies, imports, pictures"
    parser = commands.add_parser(
        "serve",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. GET /openapi.json describes it; 'bintally wms token add' lets somebody in.",
        epilog="example: bintally wms serve --ledger sqlite:///ledger.db --listen 127.0.0.1:8482 --evidence evidence",
    )
    parser.set_defaults(run=_serve)
    ledger_option(parser)
    parser.add_argument("--listen", type=_address, default="127.0.0.1:8482", metavar="HOST:PORT", help="(default: %(default)s)")
    parser.add_argument(
        "--proxy",
        type=_network,
        action="append",
        default=[],
        metavar="ADDRESS",
        help="address or network of a web server in front that speaks TLS and sets X-Forwarded-For and -Proto; may be repeated",
    )
    parser.add_argument("--evidence", type=Path, metavar="FOLDER", help="take the stations' pictures into this folder")
    parser.add_argument(
        "--evidence-size", type=_size, default="50GB", metavar="SIZE", help="of all pictures; then the oldest go (default: %(default)s)"
    )
    parser.add_argument(
        "--evidence-days",
        type=_positive,
        default=90,
        metavar="DAYS",
        help="older pictures go, but those of open discrepancies (default: %(default)s)",
    )
    parser.add_argument(
        "--rate",
        type=_positive,
        default=20,
        metavar="PER_S",
        help="requests a second of each token, ten times that at once (default: %(default)s)",
    )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: give HOST:PORT, for instance 127.0.0.1:8482")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no address or network, such as 10.0.0.7 or 172.16.0.0/12") from error


def _size(text: str) -> int:
    number, unit = text[:-2].strip(), text[-2:].upper()
    if unit not in _UNITS or not (number.isascii() and number.isdigit()) or int(number) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no size, such as 500MB or 50GB")
    return int(number) * _UNITS[unit]


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0 and below a million")
    return number


def _serve(options: argparse.Namespace) -> int:
    import logging

    from bintally.logs import log_to_stderr
    from warehouse.api.limits import Quota
    from warehouse.api.server import serve
    from warehouse.api.settings import LOCKED_S, Settings
    from warehouse.ledger import Ledger

    log_to_stderr(logging.INFO)
    settings = Settings(
        evidence=options.evidence,
        evidence_bytes=options.evidence_size,
        evidence_days=options.evidence_days,
        requests=Quota("requests", max(1, round(10 * options.rate)), options.rate),
    )
    host, port = options.listen
    with Ledger(options.ledger, LOCKED_S) as ledger:
        serve(ledger, settings, host, port, options.proxy)
    return 0
