"""What the commands on roll-outs and stations have in common: database, broker, signing key, and how spans and shares are written."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bintally.brokers import DEFAULT_BROKER

if TYPE_CHECKING:
    from bintally.brokers import BrokerAccess
    from deploy.fleet.desired import DesiredKey
    from deploy.fleet.rollout.store import Store
    from deploy.fleet.rollout.view import StationView

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LOOK_S = 15.0


def span(text: str) -> float:
    """Seconds, from a number with s, m, h or d behind."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        seconds = float(number) * _UNITS[unit]
    except ValueError:
        seconds = -1.0
    if 0 <= seconds <= 90 * 86_400:
        return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no span of time up to 90d, such as 90s, 30m, 12h or 2d")


def share(text: str) -> float:
    """A share of one, from a percentage or a fraction."""
    try:
        found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        found = -1.0
    if 0 <= found <= 1:
        return found
    raise argparse.ArgumentTypeError(f"{text!r} is no share, such as 2% or 0.02")


def percentages(text: str) -> tuple[float, ...]:
    """Shares of one, from percentages with commas between."""
    return tuple(share(f"{one.strip().removesuffix('%')}%") for one in text.split(","))


def pair(text: str) -> tuple[str, str]:
    """KEY=VALUE."""
    key, sign, value = text.partition("=")
    if key and sign and value:
        return key, value
    raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")


def station_name(text: str) -> str:
    """SITE/STATION, encoded as in topics."""
    from bintally.errors import InputError
    from bintally.topics import Station, decode

    try:
        site, station = text.split("/")
        return Station(decode(site), decode(station)).source
    except (ValueError, InputError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not SITE/STATION, as 'bintally fleet stations' shows it") from error


def database_option(parser: argparse.ArgumentParser) -> None:
    """Where roll-outs are written down."""
    parser.add_argument(
        "--database",
        default="sqlite:///fleet.db",
        metavar="URL",
        help="sqlite:///FILE or postgresql://user@host/name (default: %(default)s)",
    )


def broker_options(parser: argparse.ArgumentParser) -> None:
    """Where the broker is, and how to get in."""
    group = parser.add_argument_group("broker")
    group.add_argument(
        "--broker", default=DEFAULT_BROKER, metavar="URL", help="mqtt://host:port, mqtts://, ws:// or wss:// (default: %(default)s)"
    )
    group.add_argument("--user", help="name at the broker")
    group.add_argument("--password-file", type=Path, metavar="FILE", help="file whose only line is the password")
    group.add_argument(
        "--ca", type=Path, metavar="FILE", help="authorities that the broker's certificate may come from (default: the system's)"
    )
    group.add_argument("--certificate", type=Path, metavar="FILE", help="this side's certificate (mutual TLS), with --key")
    group.add_argument("--key", type=Path, metavar="FILE", help="the private key of --certificate, without a passphrase")


def key_options(parser: argparse.ArgumentParser, *, required: bool, text: str) -> None:
    """The key that signs desires."""
    parser.add_argument("--desired-key", type=Path, required=required, metavar="FILE", help=text)
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="what opens the key; else it is asked for")


def repository_options(parser: argparse.ArgumentParser) -> None:
    """Where the bundles are."""
    parser.add_argument("--repository", required=True, metavar="DIR|URL", help="folder of the update repository, or where it is served")
    parser.add_argument("--root", type=Path, metavar="FILE", help="with a URL: its 1.root.json, or a later root, kept from elsewhere")


def access_of(options: argparse.Namespace) -> BrokerAccess:
    """How to get to the broker."""
    from bintally.brokers import broker_access

    return broker_access(options.broker, options.user, options.password_file, options.ca, options.certificate, options.key)


def key_of(options: argparse.Namespace) -> DesiredKey:
    """The key that signs desires."""
    from deploy.fleet.desired import read_desired_key
    from deploy.fleet.parsers.options import secrets_of

    return read_desired_key(options.desired_key, secrets_of(options))


@contextmanager
def store_of(options: argparse.Namespace) -> Iterator[Store]:
    """The database."""
    from deploy.fleet.rollout.store import Store

    store = Store(options.database)
    try:
        yield store
    finally:
        store.close()


def views_of(options: argparse.Namespace, store: Store) -> dict[str, StationView]:
    """All stations: as the controller keeps them in the database where one is at work, else as the broker tells them now."""
    import time

    from deploy.fleet.rollout.look import look

    now = time.time()
    return store.views() if store.controller(now) else look(access_of(options), store.views(), now, _LOOK_S)


def who() -> str:
    """Who gives this command, for the audit log."""
    import getpass
    import socket

    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # no such user, as in some containers
        return f"somebody@{socket.gethostname()}"
