"""``bintally wms retention``."""

from __future__ import annotations

import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "take old counts, dead letters and settled discrepancies away"
    parser = commands.add_parser(
        "retention",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. The newest count of each bin stays, and so do counts that an open discrepancy or a "
        "correction names. Views stay as they are. What no limit is given for is kept for ever.",
        epilog="example: bintally wms retention --counts-days 90 --letters-days 30 --audit-days 730 --dry-run",
    )
    parser.set_defaults(run=_retain)
    parser.add_argument("--ledger", default="sqlite:///ledger.db", help="database URL (default: %(default)s)")
    parser.add_argument("--counts-days", type=float, metavar="DAYS", help="counts that were received earlier go")
    parser.add_argument("--letters-days", type=float, metavar="DAYS", help="dead letters that came last before then go")
    parser.add_argument(
        "--audit-days", type=float, metavar="DAYS", help="discrepancies settled before then go with their log, and other lines"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _retain(options: argparse.Namespace) -> int:
    import json

    from bintally.errors import UsageError
    from bintally.messages import utc_now
    from warehouse.ledger import Ledger
    from warehouse.ledger.retention import Limits, remove

    limits = Limits(options.counts_days, options.letters_days, options.audit_days)
    if limits == Limits():
        raise UsageError("no limit is given; name --counts-days, --letters-days or --audit-days")
    with Ledger(options.ledger) as ledger:
        removed = vars(remove(ledger, limits, utc_now(), dry_run=options.dry_run))
    if options.json:
        print(json.dumps(removed))
    else:
        print(f"{'would go' if options.dry_run else 'gone'}: {', '.join(f'{number:,} {what}' for what, number in removed.items())}")
    return 0
