"""``bintally fleet broker-config``."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.fleet.parsers.ca import authority_of, authority_option, valid_option
from deploy.fleet.parsers.options import now
from deploy.fleet.parsers.types import natural, port


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "make Mosquitto's folder: configuration, access list, its certificate, and the certificates that were taken back"
    parser = commands.add_parser(
        "broker-config",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. Called again, it renews what changed; the key stays.",
        epilog="example: bintally fleet broker-config ca --host broker.lan --out broker",
    )
    parser.set_defaults(run=_broker_config)
    authority_option(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to")
    parser.add_argument(
        "--host", action="append", required=True, help="name or address that clients know it by; may be given several times"
    )
    parser.add_argument("--port", type=port, default=8883, help="for mqtts (default: %(default)s)")
    parser.add_argument("--listen", metavar="ADDRESS", help="of one interface (default: all)")
    parser.add_argument("--memory", type=natural, default=2048, metavar="MIB", help="most that the broker may take (default: %(default)s)")
    parser.add_argument(
        "--folder",
        default="/etc/mosquitto/bintally",
        metavar="DIR",
        help="where the files of --out will be for the broker (default: %(default)s)",
    )
    parser.add_argument("--data", default="/var/lib/mosquitto", metavar="DIR", help="what it keeps over a restart (default: %(default)s)")
    valid_option(parser, "825d", "for how long its certificate holds")


def _broker_config(options: argparse.Namespace) -> int:
    from deploy.fleet.enrol.holder import broker_holder
    from deploy.fleet.enrol.mosquitto import CONFIGURATION, Listening
    from deploy.fleet.enrol.steps import configure_broker

    authority = authority_of(options)
    listening = Listening(
        options.port, options.listen, options.folder, options.data, options.memory, revocation=authority.revoked_pem is not None
    )
    made = configure_broker(authority, broker_holder(tuple(options.host)), listening, options.out, now(), options.valid)
    print(f"made: {options.out}, its certificate is good until {made.until:%Y-%m-%d}")
    print(
        f"there: copy it to {options.folder}, readable for the broker's user alone, and start mosquitto -c {options.folder}/{CONFIGURATION}"
    )
    return 0
