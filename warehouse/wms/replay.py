"""``bintally wms replay``."""

from __future__ import annotations

import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "make the views anew from the facts: epochs, bins, discrepancies"
    parser = commands.add_parser(
        "replay",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. In a ledger that is in order nothing changes. Nobody else can write meanwhile.",
        epilog="example: bintally wms replay --ledger sqlite:///ledger.db",
    )
    parser.set_defaults(run=_replay)
    parser.add_argument("--ledger", default="sqlite:///ledger.db", help="database URL (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _replay(options: argparse.Namespace) -> int:
    import json
    from dataclasses import asdict

    from warehouse.ledger import Ledger
    from warehouse.ledger.replay import replay

    with Ledger(options.ledger) as ledger, ledger.begin("nothing was changed") as tx:
        done = asdict(replay(tx))
    if options.json:
        print(json.dumps(done))
    else:
        print("\n".join(f"{view:13} {rows['made']:>9,} rows, {rows['changed']:>9,} of them changed" for view, rows in done.items()))
    return 0
