"""``bintally wms rates``."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.wms.options import ledger_option

if TYPE_CHECKING:
    from warehouse.discrepancies.rates import Share
    from warehouse.ledger import Ledger


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "how many alarms are false, and how many wrong bins have none, from what people found"
    parser = commands.add_parser(
        "rates",
        help=text,
        description=f"Tell {text}. What alarms miss shows only in bins that were drawn at random: --draw names some, people look into them "
        "(all of them, and without knowing what is expected) and write what they find into the column quantity; --found takes that in.",
        epilog="example: bintally wms rates --site hall-1 --draw 60 > drawn.csv; bintally wms rates --site hall-1 --found drawn.csv --by ann; "
        "bintally wms rates --site hall-1 --apply",
    )
    parser.set_defaults(run=_rates)
    ledger_option(parser)
    parser.add_argument("--site", required=True)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--draw", type=int, metavar="N", help="print N bins, drawn at random, as CSV")
    what.add_argument("--found", type=Path, metavar="FILE", help="what people found in the bins that were drawn; needs --by")
    what.add_argument("--apply", action="store_true", help="reckon with the estimated share of wrong bins from now on")
    parser.add_argument("--by", help="who looked")
    parser.add_argument("--seed", type=int, help="draw the same bins again")
    parser.add_argument("--days", type=int, default=30, help="findings of so many days count (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _rates(options: argparse.Namespace) -> int:
    from datetime import timezone

    from warehouse.ledger import Ledger

    now = datetime.now(timezone.utc)
    with Ledger(options.ledger) as ledger:
        if options.draw is not None:
            return _draw(options, ledger, now)
        if options.found is not None:
            return _found(options, ledger, now)
        return _tell(options, ledger, now)


def _draw(options: argparse.Namespace, ledger: Ledger, now: datetime) -> int:
    import csv
    import sys

    from bintally.errors import InputError, UsageError
    from warehouse.ledger.reports import draw

    if options.draw < 1:
        raise UsageError(f"--draw {options.draw}: must be 1 or more")
    with ledger.read() as tx:
        drawn = draw(tx, options.site, options.draw, int(now.timestamp()) if options.seed is None else options.seed)
    if not drawn:
        raise InputError(f"{options.site}: no bin has books and no open discrepancy; import what is expected (bintally wms import) first")
    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerows([("bin", "zone", "quantity"), *((bin_, zone, "") for bin_, zone in drawn)])
    return 0


def _found(options: argparse.Namespace, ledger: Ledger, now: datetime) -> int:
    from bintally.errors import UsageError
    from warehouse.discrepancies.found import read_found
    from warehouse.ledger.corrections import Correction, correct
    from warehouse.ledger.reports import AUDIT

    if not options.by:
        raise UsageError("--found: say with --by who looked")
    rows = read_found(options.found)
    with ledger.begin(f"nothing of {options.found} was taken in") as tx:
        for bin_, quantity in rows.items():
            key = f"{AUDIT} {now.isoformat()} {options.site} {bin_}"
            correct(tx, Correction(options.site, bin_, quantity, options.by, now, AUDIT, key), now)
    print(f"{len(rows)} bins taken in; their books follow what was found")
    return 0


def _tell(options: argparse.Namespace, ledger: Ledger, now: datetime) -> int:
    import json
    from datetime import timedelta

    from warehouse.discrepancies.rates import rates
    from warehouse.ledger.reports import strata

    with ledger.read() as tx:
        alarms, tasks, quiet = strata(tx, options.site, now - timedelta(days=options.days), now)
    found = rates(alarms, tasks, quiet)
    shares = {"false_alarms": found.false_alarms, "missed": found.missed, "wrong_share": found.wrong_share}
    if options.apply:
        _apply(ledger, options.site, quiet.looked, found.wrong_share)
    looked = {"alarms": alarms, "unsure": tasks, "quiet": quiet}
    if options.json:
        told: dict[str, Any] = {name: share and vars(share) for name, share in shares.items()}
        print(json.dumps({**told, "looked_into": {name: vars(stratum) for name, stratum in looked.items()}}))
        return 0
    for name, stratum in looked.items():
        print(f"{name:13}{stratum.bins:8,} bins, {stratum.looked:,} looked into: {stratum.wrong:,} wrong, {stratum.right:,} right")
    for name, share in shares.items():
        print(f"{name:13}{share.words() if share else 'not known: nobody looked into enough bins'}")
    return 0


def _apply(ledger: Ledger, site: str, drawn: int, share: Share | None) -> None:
    from bintally.errors import UsageError
    from warehouse.discrepancies.rates import FEWEST_DRAWN, kept
    from warehouse.ledger.reports import assume

    if share is None or drawn < FEWEST_DRAWN:
        raise UsageError(f"--apply: {drawn} drawn bins were looked into, and at least {FEWEST_DRAWN} are needed; see --draw")
    with ledger.begin() as tx:
        assume(tx, site, kept(share))
