"""``bintally wms import``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "take in what the books say, where bins are, or a site's layout"
    parser = commands.add_parser(
        "import",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. expected: CSV with the columns bin, quantity, and, if you like, site, at, article, value; only "
        "what the books say anew is kept. places: CSV with bin, aisle, position_m, and, if you like, site, block, zone. layout: a file of "
        "docs/layouts.md. A file with an error is refused as a whole.",
        epilog="example: bintally wms import expected books.csv --site 'hall 2' --ledger sqlite:///ledger.db",
    )
    parser.set_defaults(run=_import)
    parser.add_argument("what", choices=("expected", "places", "layout"))
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--site", help="of all rows, where the file has no column of it; whose the layout is")
    parser.add_argument("--ledger", default="sqlite:///ledger.db", help="database URL (default: %(default)s)")
    parser.add_argument("--by", metavar="NAME", help="who imports, for the log (default: who is signed in here)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _import(options: argparse.Namespace) -> int:
    import json
    from getpass import getuser

    from bintally.errors import UnavailableError, UsageError
    from bintally.messages import utc_now
    from warehouse.ledger import Ledger

    if options.what == "layout" and not options.site:
        raise UsageError("--site: whose layout is it? name the site")
    try:
        content = options.file.read_bytes()
    except OSError as error:
        raise UnavailableError(f"{options.file}: cannot be read ({error.strerror}); check the path and its rights") from error
    put = {"expected": _expected, "places": _places, "layout": _layout}[options.what]
    with Ledger(options.ledger) as ledger, ledger.begin("nothing was imported") as tx:
        done = put(tx, content, options.file.name, options.site, options.by or getuser(), utc_now())
    print(json.dumps(done) if options.json else ", ".join(f"{number} {what}" for what, number in done.items()))
    return 0


def _expected(tx: sa.Connection, content: bytes, name: str, site: str | None, by: str, now: datetime) -> dict[str, int]:
    from warehouse.ledger.expectations import expect
    from warehouse.ledger.sheets import read_books

    return dict(vars(expect(tx, read_books(content, name, site), by, "csv", now)))


def _places(tx: sa.Connection, content: bytes, name: str, site: str | None, by: str, now: datetime) -> dict[str, int]:
    from warehouse.ledger.places import import_places
    from warehouse.ledger.sheets import read_places

    return {"places": import_places(tx, read_places(content, name, site), by, now)}


def _layout(tx: sa.Connection, content: bytes, name: str, site: str, by: str, now: datetime) -> dict[str, int]:
    from bintally.errors import InputError
    from warehouse.ledger.places import import_layout

    try:
        import_layout(tx, site, content.decode("utf-8-sig"), by, now)
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: is no UTF-8 text; a layout is a TOML or JSON file of docs/layouts.md") from error
    return {"layout": 1}
