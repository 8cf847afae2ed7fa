"""``bintally pick``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from warehouse.pick.parsers import batch, bench, day, estimate, label, report, route

_COMMANDS = {"route": route, "batch": batch, "label": label, "estimate": estimate, "day": day, "bench": bench, "report": report}


def pick(arguments: Sequence[str]) -> int:
    """plan walks: the shortest pick tours, with and without a parked cart, and orders batched into pick lists"""
    parser = argparse.ArgumentParser(prog="bintally pick", description=pick.__doc__)
    commands = parser.add_subparsers(required=True, metavar=f"{{{','.join(_COMMANDS)}}}")
    for command in _COMMANDS.values():
        command.add(commands)
    options = parser.parse_args(arguments)
    return int(options.run(options))
