"""``bintally fleet desired-key``."""

from __future__ import annotations

import argparse

from deploy.fleet.parsers.options import command, folder_of, new_key_options, new_passphrase, now, ring_of, tell


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command(
        commands, "desired-key", _desired_key, "change who may sign model/desired, and so may move stations", "desired-key repository add"
    )
    parser.add_argument("what", choices=("add", "revoke"), help="make or take a key, or let one go")
    parser.add_argument("key", nargs="?", metavar="KEY", help="add: a PEM file instead of a new key; revoke: name or id of the key")
    new_key_options(parser)


def _desired_key(options: argparse.Namespace) -> int:
    from bintally.errors import UsageError
    from deploy.fleet.repository.rotate import add_desired_key, revoke_desired_key

    if options.what == "revoke" and not options.key:
        raise UsageError("desired-key revoke: name the key; 'bintally fleet list' shows them")
    ring = ring_of(options)
    if options.what == "add":
        outcomes = add_desired_key(folder_of(options), ring, options.key, new_passphrase(options), now())
    else:
        outcomes = revoke_desired_key(folder_of(options), ring, options.key, now())
    tell(outcomes, ring, options.repository)
    return 0
