"""``bintally wms backup`` and ``bintally wms restore``."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "copy a ledger in SQLite to a file, while it is written to"
    parser = commands.add_parser(
        "backup",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. The copy is of one moment, and is checked before it replaces an older one.",
        epilog="example: bintally wms backup ledger-2026-11-22.db --ledger sqlite:///ledger.db",
    )
    parser.set_defaults(run=_backup)
    _options(parser)
    text = "put a backup to where a ledger is to be; one that is there is never overwritten"
    parser = commands.add_parser(
        "restore",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="example: bintally wms restore ledger-2026-11-22.db --ledger sqlite:///ledger.db",
    )
    parser.set_defaults(run=_restore)
    _options(parser)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup")
    parser.add_argument("--ledger", default="sqlite:///ledger.db", help="database URL (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _backup(options: argparse.Namespace) -> int:
    from warehouse.ledger.backup import backup

    return _tell(options, backup(options.ledger, options.file), f"in {options.file}")


def _restore(options: argparse.Namespace) -> int:
    from warehouse.ledger.backup import restore

    return _tell(options, restore(options.file, options.ledger), f"in {options.ledger}")


def _tell(options: argparse.Namespace, counts: int, where: str) -> int:
    import json

    print(json.dumps({"counts": counts}) if options.json else f"{counts:,} counts {where}")
    return 0
