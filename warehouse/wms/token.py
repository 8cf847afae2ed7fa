"""``bintally wms token``."""

from __future__ import annotations

import argparse
from typing import Any

from warehouse.wms.options import ledger_option


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "who may use the API: make, list and revoke tokens"
    parser = commands.add_parser(
        "token",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="example: bintally wms token add wms --scope read --scope import",
    )
    actions = parser.add_subparsers(required=True, metavar="{add,list,revoke}")
    _add_parser(actions)
    listing = _action(actions, "list", "list who has one; the tokens themselves stand nowhere", _list)
    listing.add_argument("--json", action="store_true", help="one JSON object a token")
    revoking = _action(actions, "revoke", "let a token be nobody's, within seconds", _revoke)
    revoking.add_argument("name", metavar="NAME", help="whose")


def _add_parser(actions: Any) -> None:
    parser = _action(actions, "add", "make a token; it is shown this once, the ledger has its hash", _make)
    parser.add_argument("name", metavar="NAME", help="who gets it, as the log is to show it")
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="SCOPE",
        help="read, count:correct, import, plan, evidence (stations bring pictures), admin (all, and webhooks); may be repeated",
    )
    parser.add_argument("--site", help="it sees this site only (default: all)")
    parser.add_argument("--station", help="it brings this station's pictures only; with --site and --scope evidence")
    parser.add_argument("--days", type=_days, metavar="N", help="it expires after so many days (default: never)")


def _action(actions: Any, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"example: bintally wms token {_EXAMPLES[name]}"
    )
    parser.set_defaults(run=run)
    ledger_option(parser)
    return parser


_EXAMPLES = {"add": "add pick-3 --scope evidence --site berlin --station pick-3 --days 365", "list": "list", "revoke": "revoke pick-3"}


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days <= 36_500:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days, above 0 and up to 36500")
    return days


def _make(options: argparse.Namespace) -> int:
    import sys
    from datetime import timedelta

    from bintally.messages.base import utc_now
    from warehouse.api.scopes import check
    from warehouse.ledger import Ledger, tokens

    check(options.scope, options.site, options.station)
    now = utc_now()
    expires_at = None if options.days is None else now + timedelta(days=options.days)
    with Ledger(options.ledger) as ledger, ledger.begin() as tx:
        token = tokens.add(tx, options.name, set(options.scope), options.site, options.station, now, expires_at)
    print(token)
    print(f"{options.name} sends it as 'Authorization: Bearer …'; the ledger has only its hash, so it is shown this once", file=sys.stderr)
    return 0


def _list(options: argparse.Namespace) -> int:
    import json

    from warehouse.ledger import Ledger, tokens

    with Ledger(options.ledger) as ledger, ledger.read() as tx:
        found = tokens.tokens(tx)
    for one in found:
        ends = None if one.expires_at is None else one.expires_at.isoformat()
        if options.json:
            print(json.dumps({**vars(one), "scopes": sorted(one.scopes), "created_at": one.created_at.isoformat(), "expires_at": ends}))
        else:
            where = "/".join(part for part in (one.site, one.station) if part) or "all sites"
            print(f"{one.name}  {','.join(sorted(one.scopes))}  {where}  {f'until {ends}' if ends else 'does not expire'}")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    from bintally.messages.base import utc_now
    from warehouse.ledger import Ledger, tokens

    with Ledger(options.ledger) as ledger, ledger.begin() as tx:
        tokens.revoke(tx, options.name, utc_now())
    print(f"{options.name}: the token is nobody's any more")
    return 0
