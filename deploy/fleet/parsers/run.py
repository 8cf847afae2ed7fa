"""``bintally fleet run``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from deploy.fleet.parsers.fleet_options import access_of, broker_options, database_option, key_of, key_options, store_of

if TYPE_CHECKING:
    from deploy.fleet.desired import DesiredKey
    from deploy.fleet.rollout.store import Store


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "move all roll-outs of a database, until stopped; may be killed at any time, and a second one waits to take over"
    parser = commands.add_parser(
        "run",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="example: bintally fleet run --desired-key keys/desired-1.pem --broker mqtts://broker.lan --database sqlite:///fleet.db",
    )
    parser.set_defaults(run=_run)
    key_options(parser, required=True, text="signs what stations are to run; 'bintally fleet init' makes keys/desired-1.pem")
    database_option(parser)
    broker_options(parser)


def _run(options: argparse.Namespace) -> int:
    with store_of(options) as store:
        control(options, store, key_of(options))
    return 0


def control(options: argparse.Namespace, store: Store, key: DesiredKey, until: Callable[[], bool] = lambda: False) -> None:
    """Be a controller until told to stop."""
    import logging
    import os
    import socket
    import time

    from bintally.logs import log_to_stderr
    from bintally.signals import stop_on_signal
    from deploy.fleet.rollout.controller import Controller
    from deploy.fleet.rollout.link import FleetLink

    log_to_stderr(logging.INFO)
    link = FleetLink(access_of(options))
    # a container's host name and process number come again; the time of the start does not
    holder = f"{socket.gethostname()}:{os.getpid()}:{int(time.time())}"
    with stop_on_signal() as stop:
        link.start()
        try:
            Controller(store, link, key, holder, time.time).run(stop, until)
        finally:
            link.stop()
