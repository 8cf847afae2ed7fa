"""``bintally wms webhook``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from warehouse.wms.options import ledger_option


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "who hears of discrepancies over HTTP: add, list and remove webhooks"
    parser = commands.add_parser(
        "webhook",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. 'bintally wms listen' delivers, signed as Standard Webhooks do.",
        epilog="example: bintally wms webhook add wms https://wms.example/bintally --site berlin",
    )
    actions = parser.add_subparsers(required=True, metavar="{add,list,remove}")
    adding = _action(actions, "add", "tell a receiver of what happens from now on", _add, "add wms https://wms.example/bintally")
    adding.add_argument("name", metavar="NAME", help="names it")
    adding.add_argument("url", metavar="URL", help="where it takes POST requests")
    adding.add_argument("--site", help="of this site only (default: all)")
    adding.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="its only line is the secret, whsec_… (default: a new one is made)"
    )
    listing = _action(actions, "list", "list them, with what they have not taken yet", _list, "list")
    listing.add_argument("--json", action="store_true", help="one JSON object a webhook")
    removing = _action(actions, "remove", "tell it nothing more, nor what it has not taken yet", _remove, "remove wms")
    removing.add_argument("name", metavar="NAME")


def _action(actions: Any, name: str, text: str, run: Any, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"example: bintally wms webhook {example}"
    )
    parser.set_defaults(run=run)
    ledger_option(parser)
    return parser


def _add(options: argparse.Namespace) -> int:
    from bintally.brokers import read_password
    from bintally.errors import UsageError
    from warehouse.deliveries.post import check_url
    from warehouse.deliveries.signing import key_of, new_secret
    from warehouse.ledger import Ledger, webhooks

    if not 1 <= len(options.name) <= 200:
        raise UsageError("webhook: a name has 1 to 200 characters")
    check_url(options.url)
    secret = new_secret() if options.secret_file is None else read_password(options.secret_file)
    key_of(secret)
    with Ledger(options.ledger) as ledger, ledger.begin() as tx:
        webhooks.add(tx, webhooks.Webhook(options.name, options.url, secret, options.site))
    if options.secret_file is None:
        print(f"{secret}\n(its secret, to check signatures with; it is not shown again)")
    return 0


def _list(options: argparse.Namespace) -> int:
    import json

    from warehouse.ledger import Ledger, webhooks

    with Ledger(options.ledger) as ledger, ledger.read() as tx:
        found = [(hook, webhooks.backlog(tx, hook.name)) for hook in webhooks.all_of(tx)]
    for hook, behind in found:
        if options.json:
            print(json.dumps({"name": hook.name, "url": hook.url, "site": hook.site, "waiting": behind.waiting, "error": behind.error}))
        else:
            trouble = f", last error: {behind.error}" if behind.error else ""
            print(f"{hook.name}  {hook.url}  {hook.site or 'all sites'}  {behind.waiting} waiting{trouble}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from bintally.errors import InputError
    from warehouse.ledger import Ledger, webhooks

    with Ledger(options.ledger) as ledger, ledger.begin() as tx:
        if not webhooks.remove(tx, options.name):
            raise InputError(f"webhook {options.name!r}: there is none; 'bintally wms webhook list' shows them")
    return 0
