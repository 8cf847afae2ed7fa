"""What the commands on a repository have in common: its folder, its keys, their passphrase, and what is told at the end."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.fleet.repository.folder import Folder
    from deploy.fleet.repository.keys import KeyRing, Secrets
    from deploy.fleet.repository.signing import Missing
    from deploy.fleet.repository.steps import Outcome


def command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    example: str,
    *,
    keys: bool = True,
) -> argparse.ArgumentParser:
    """A command on a repository, and the options for its keys."""
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"example: bintally fleet {example}")
    parser.set_defaults(run=run)
    parser.add_argument("repository", type=Path, metavar="DIR", help="the repository")
    if keys:
        parser.add_argument(
            "--keys", type=Path, metavar="DIR", help="folder of keys.json and key files (default: 'keys' beside the repository)"
        )
        parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="what opens key files; else it is asked for")
    return parser


def new_key_options(parser: argparse.ArgumentParser) -> None:
    """Options of commands that make keys."""
    parser.add_argument(
        "--passphrase", action="store_true", help="put new offline keys behind a passphrase, from --passphrase-file or asked for twice"
    )


def folder_of(options: argparse.Namespace) -> Folder:
    """The repository."""
    from deploy.fleet.repository.folder import Folder

    return Folder(options.repository)


def keys_of(options: argparse.Namespace) -> Path:
    """The folder of keys."""
    path: Path = options.keys or options.repository.resolve().parent / "keys"
    return path


def ring_of(options: argparse.Namespace, *, required: bool = True) -> KeyRing:
    """The keys that are here.

    Raises:
        InputError: there is no key ring.
    """
    from deploy.fleet.repository.folder import check_apart
    from deploy.fleet.repository.keys import KeyRing

    check_apart(options.repository, keys_of(options))
    return KeyRing(keys_of(options), secrets_of(options), required=required)


def secrets_of(options: argparse.Namespace) -> Secrets:
    """Gives passphrases: the file's for all, or what somebody types."""

    def secret(name: str) -> str:
        if options.passphrase_file:
            return _from_file(options.passphrase_file)
        return _typed(f"passphrase of {name}: ")

    return secret


def new_passphrase(options: argparse.Namespace) -> str | None:
    """The passphrase of new keys, None where none is wanted.

    Raises:
        UsageError: it was typed differently the second time, or is empty.
    """
    from bintally.errors import UsageError

    if not options.passphrase:
        return None
    if options.passphrase_file:
        return _from_file(options.passphrase_file)
    typed = _typed("passphrase of the new keys: ")
    if not typed or typed != _typed("once more: "):
        raise UsageError("the passphrase is empty, or was typed differently the second time; nothing was made")
    return typed


def _from_file(path: Path) -> str:
    from bintally.errors import InputError
    from deploy.fleet.repository.private_keys import check_private, content

    text = content(path).decode("utf-8", "replace").rstrip("\r\n")
    check_private(path)
    if not text:
        raise InputError(f"{path}: is empty; write the passphrase into it")
    return text


def _typed(prompt: str) -> str:
    import sys
    from getpass import getpass

    from bintally.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(f"{prompt.rstrip(': ')}: nobody is there to type it; give it with --passphrase-file")
    return getpass(prompt)


def tell(outcomes: Iterable[Outcome], ring: KeyRing, folder: Path) -> None:
    """Say how far each change is, and who still must sign."""
    for outcome in outcomes:
        if not outcome.asked:
            print("nothing to do: it is so already")
        elif outcome.published:
            print(f"published: {outcome.asked}")
        else:
            print(f"waits in {folder / 'staged'}, clients do not see it yet: {outcome.asked}")
            for line in missing_lines(outcome.missing, ring):
                print(f"  {line}")


def missing_lines(missing: Iterable[Missing], ring: KeyRing) -> list[str]:
    """Who still must sign, and with which command."""
    lines = []
    for one in missing:
        online = one.role in ("snapshot", "timestamp")
        names = ", ".join(map(ring.name, one.keyids))
        todo = "'bintally fleet renew DIR' where that key is" if online else f"'bintally fleet sign DIR {one.role}' where they are"
        lines.append(f"{one.role}: {one.signatures} more of {names}; {todo}")
    return lines


def now() -> datetime:
    """The time of day, by which metadata expire."""
    from bintally.messages.base import utc_now

    return utc_now()
