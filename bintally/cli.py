"""The root of the command line: finds the commands through entry points and loads only the one that is called.

Each folder declares its commands in ``pyproject.toml`` under ``bintally.commands`` as ``name = "module:function"``. The function
takes the arguments after the command's name and returns the exit code: 0 done, 1 failed, 2 wrong use. Its docstring's first
line is the command's summary.
"""

from __future__ import annotations

import difflib
import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points, metadata, version

from bintally.errors import BintallyError

GROUP = "bintally.commands"
Command = Callable[[Sequence[str]], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``bintally COMMAND …`` and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    commands = {entry.name: entry for entry in entry_points(group=GROUP)}
    if not words or words[0] in ("-h", "--help", "help"):
        _print_help(commands)
        return 0 if words else 2
    if words[0] == "--version":
        print(f"bintally {version('bintally')}")
        return 0
    if words[0] not in commands:
        near = difflib.get_close_matches(words[0], commands, 1)
        hint = f"; did you mean 'bintally {near[0]}'?" if near else "; 'bintally --help' lists the commands"
        print(f"bintally: there is no command {words[0]!r}{hint}", file=sys.stderr)
        return 2
    return _run(commands[words[0]], words[1:])


def _run(entry: EntryPoint, arguments: Sequence[str]) -> int:
    try:
        command: Command = entry.load()
        code = command(arguments)
        sys.stdout.flush()
    except BintallyError as error:
        print(f"bintally {entry.name}: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == entry.value.partition(".")[0]:
            raise
        print(
            f"bintally {entry.name}: needs {error.name}, which is not installed; run: pip install 'bintally[{_extra(entry)}]'",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader went away, as in «bintally … | head»
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"bintally {entry.name}: the output could not be written, the disk is full; make room and call it again", file=sys.stderr)
        return 1
    return code


def _extra(entry: EntryPoint) -> str:
    """What to install for a command: the extra that is called like the innermost folder that it comes from."""
    extras = metadata("bintally").get_all("Provides-Extra") or []
    folders = entry.value.partition(":")[0].split(".")
    return next((folder for folder in reversed(folders) if folder in extras), "demo")


def _print_help(commands: dict[str, EntryPoint]) -> None:
    print("bintally: count the items in warehouse bins at the edge, and put the counts to work.\n")
    print("usage: bintally COMMAND [options]\n")
    for name in sorted(commands):
        print(f"  {name:<10} {_summary(commands[name])}")
    print("\n'bintally COMMAND --help' shows a command's options and an example.")


def _summary(entry: EntryPoint) -> str:
    try:
        text: str = entry.load().__doc__ or ""
    except ModuleNotFoundError as error:
        return f"(needs {error.name}: pip install 'bintally[{_extra(entry)}]')"
    return text.partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
