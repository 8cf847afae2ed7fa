"""``bintally fleet sign``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from deploy.fleet.parsers.options import command, folder_of, now, ring_of, tell


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command(
        commands,
        "sign",
        _sign,
        "show the change that waits for signatures, and sign it with the keys that are here",
        "sign repository root --keys /media/usb/keys",
    )
    parser.add_argument("role", nargs="?", metavar="ROLE", help="sign only this role's metadata")
    parser.add_argument("--key", action="append", default=[], metavar="KEY", help="sign with this key too: a PEM file, hsm:…, gcpkms:…, …")
    parser.add_argument("--yes", action="store_true", help="sign without asking")
    parser.add_argument("--discard", action="store_true", help="drop the change instead")


def _sign(options: argparse.Namespace) -> int:
    from deploy.fleet.repository.cosign import cosign, discard

    folder = folder_of(options)
    if options.discard:
        discard(folder)
        print("dropped; what clients see stays as it was")
        return 0
    ring = ring_of(options, required=not options.key)
    for key in options.key:
        ring.borrow(key)
    outcome = cosign(folder, ring, options.role, _confirmation(options.yes), now())
    if outcome is None:
        print("not signed")
        return 1
    tell([outcome], ring, options.repository)
    return 0


def _confirmation(yes: bool) -> Callable[[str, Sequence[str]], bool]:
    import sys

    from bintally.errors import UsageError

    def confirm(asked: str, lines: Sequence[str]) -> bool:
        print("\n".join([f"made by: {asked}", "what would be signed:", *(f"  {line}" for line in lines)]))
        if yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError("nobody is there to say yes; look at the change, then add --yes")
        return input("sign this? [y/N] ").strip().lower() in ("y", "yes")

    return confirm
