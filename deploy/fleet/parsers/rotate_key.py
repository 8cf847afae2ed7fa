"""``bintally fleet rotate-key``."""

from __future__ import annotations

import argparse

from deploy.fleet.parsers.options import command, folder_of, new_key_options, new_passphrase, now, ring_of, tell


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command(commands, "rotate-key", _rotate, "put a new key in the place of an old one", "rotate-key repository root --old root-2")
    parser.add_argument("role", metavar="ROLE", help="root, targets, a model, snapshot, timestamp; or online for the last two")
    parser.add_argument("--old", metavar="KEY", help="name or id of the key that goes; needed where the role has several")
    parser.add_argument(
        "--key", metavar="KEY", help="the key that comes, instead of a new file: a PEM file, hsm:…, gcpkms:…, awskms:…, azurekms:…"
    )
    new_key_options(parser)


def _rotate(options: argparse.Namespace) -> int:
    from deploy.fleet.repository.rotate import rotate

    ring = ring_of(options)
    outcomes = rotate(folder_of(options), ring, options.role, options.old, options.key, new_passphrase(options), now())
    tell(outcomes, ring, options.repository)
    return 0
