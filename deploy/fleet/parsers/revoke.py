"""``bintally fleet revoke``."""

from __future__ import annotations

import argparse

from deploy.fleet.parsers.options import command, folder_of, now, ring_of, tell


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command(
        commands,
        "revoke",
        _revoke,
        "take a key out of every role, and out of those that may sign model/desired",
        "revoke repository targets-1",
    )
    parser.add_argument("key", metavar="KEYID", help="name or id of the key, as 'list' shows it")


def _revoke(options: argparse.Namespace) -> int:
    from deploy.fleet.repository.rotate import revoke

    ring = ring_of(options)
    tell(revoke(folder_of(options), ring, options.key, now()), ring, options.repository)
    return 0
