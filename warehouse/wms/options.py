"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bintally.brokers import DEFAULT_BROKER

if TYPE_CHECKING:
    from bintally.brokers import BrokerAccess


def ledger_option(parser: argparse.ArgumentParser) -> None:
    """Which database."""
    parser.add_argument("--ledger", default="sqlite:///ledger.db", help="database URL (default: %(default)s)")


def broker_options(parser: argparse.ArgumentParser) -> None:
    """Where the broker is, and how to get in."""
    parser.add_argument("--broker", default=DEFAULT_BROKER, help="mqtt://host:port, mqtts://, ws:// or wss:// (default: %(default)s)")
    parser.add_argument("--user", help="name at the broker")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file whose only line is the password")
    parser.add_argument(
        "--ca",
        type=Path,
        metavar="FILE",
        help="certificates of the authorities that the broker's own may come from (default: the system's)",
    )
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="this side's certificate (mutual TLS), with --key")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the private key of --certificate, without a passphrase")
    parser.add_argument("--alpn", help="TLS protocol name, for brokers that share port 443")


def access_of(options: argparse.Namespace) -> BrokerAccess:
    """How to get to the broker.

    Raises:
        UsageError: the options do not fit together.
        InputError: one of their files is not what it must be.
    """
    from bintally.brokers import broker_access

    return broker_access(options.broker, options.user, options.password_file, options.ca, options.certificate, options.key, options.alpn)
