"""``bintally wms report``."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from warehouse.wms.options import ledger_option


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "write a day's report: what was found, what was done about it, and how far the alarms can be trusted"
    parser = commands.add_parser(
        "report",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. The page opens without a network and prints well; the CSV has a line a discrepancy.",
        epilog="example: bintally wms report --ledger sqlite:///ledger.db --day 2026-11-22 --timezone Europe/Berlin --out report.html",
    )
    parser.set_defaults(run=_report)
    ledger_option(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="report.html, or report.csv")
    parser.add_argument("--day", type=_day, help="such as 2026-11-22 (default: today)")
    parser.add_argument("--timezone", type=_zone, default="UTC", help="in which days begin, such as Europe/Berlin (default: %(default)s)")
    parser.add_argument("--site", help="only this one")


def _report(options: argparse.Namespace) -> int:
    from datetime import datetime

    from bintally.errors import UsageError
    from bintally.files import write_atomically
    from warehouse.discrepancies.report import to_csv
    from warehouse.discrepancies.report_page import to_html
    from warehouse.ledger import Ledger
    from warehouse.ledger.reports import report

    writers = {".html": to_html, ".csv": to_csv}
    if options.out.suffix not in writers:
        raise UsageError(f"--out {options.out}: must end with .html or .csv")
    now = datetime.now(options.timezone)
    with Ledger(options.ledger) as ledger, ledger.read() as tx:
        found = report(tx, options.day or now.date(), options.timezone, now, options.site)
    write_atomically(options.out, writers[options.out.suffix](found))
    print(f"{options.out}: {len(found.opened())} opened, {len(found.settled())} settled, {len(found.open_by_cost())} open")
    return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-11-22") from error


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time zone known here, such as UTC or Europe/Berlin") from error
