"""``bintally pick day``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.pick.parsers.types import number, whole_from

if TYPE_CHECKING:
    from warehouse.arrivals.command import Drawn

_DRAWN: dict[str, Any] = {"orders": 3000, "hours": 8.0, "capacity": 20, "lead": 60.0, "departures": None, "seed": 0}
"""The options that describe a drawn day, and their defaults."""
_PICKERS = 6


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "day",
        help="orders that keep arriving: a simulated day under several release rules",
        description="Let orders arrive over a day, and compare rules that say which pick list leaves when (docs/arrivals.md).",
        epilog="example: bintally pick day --layout docs/examples/hall.toml --orders 3000 --hours 8 --pickers 6 --plot day.svg",
    )
    parser.set_defaults(run=_day)
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="an order file with the times at which orders came and are due")
    parser.add_argument("--pickers", type=whole_from(1), metavar="N", help=f"default: the file's own number; {_PICKERS} for a drawn day")
    parser.add_argument(
        "--rule",
        action="append",
        metavar="NAME",
        help="first-come, first-come-full, window or rolling; may be given several times (default: all)",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw waiting orders and metres walked over the day (.svg, .png or .pdf)")
    parser.add_argument("--json", action="store_true", help="one JSON object a rule, a line each")
    _add_drawn(parser.add_argument_group("a drawn day, instead of a file"))
    rules = parser.add_argument_group("the rules")
    rules.add_argument("--window", type=number, default=10.0, metavar="MIN", help="window: its length (default: %(default)g)")
    rules.add_argument(
        "--hold",
        type=number,
        default=10.0,
        metavar="MIN",
        help="rolling, first-come-full: hold an order so long at most (default: %(default)g)",
    )
    rules.add_argument(
        "--full",
        type=number,
        default=0.85,
        metavar="SHARE",
        help="as well: a list may leave when so much of the cart is taken (default: %(default)g)",
    )
    rules.add_argument(
        "--margin",
        type=number,
        default=5.0,
        metavar="MIN",
        help="as well: a list leaves when all pickers could stand still for no longer without being late (default: %(default)g)",
    )
    rules.add_argument(
        "--horizon", type=whole_from(1), default=150, metavar="N", help="rolling: orders that are planned at a time (default: %(default)s)"
    )
    rules.add_argument(
        "--iterations",
        type=whole_from(0),
        default=0,
        metavar="N",
        help="rolling, window: of the search each time that lists are planned; 0, the default, is the savings algorithm alone",
    )


def _add_drawn(drawn: argparse._ArgumentGroup) -> None:
    drawn.add_argument("--layout", type=Path, metavar="FILE", help="the warehouse")
    drawn.add_argument("--orders", type=whole_from(1), metavar="N", help=f"that come in all (default: {_DRAWN['orders']})")
    drawn.add_argument("--hours", type=number, metavar="H", help=f"of the day, from 8:00 on (default: {_DRAWN['hours']:g})")
    drawn.add_argument("--capacity", type=whole_from(1), metavar="N", help=f"items that a cart takes (default: {_DRAWN['capacity']})")
    drawn.add_argument("--lead", type=number, metavar="MIN", help=f"each order is due so long after it came (default: {_DRAWN['lead']:g})")
    drawn.add_argument("--departures", type=number, metavar="MIN", help="… and leaves with the next lorry, every so often (default: none)")
    drawn.add_argument("--seed", type=whole_from(0), metavar="S", help=f"of the orders and times (default: {_DRAWN['seed']})")


def _day(options: argparse.Namespace) -> int:
    from bintally.errors import UsageError

    given = [name for name in ("layout", *_DRAWN) if getattr(options, name) is not None]
    if options.file is not None and given:
        raise UsageError(f"{', '.join(f'--{name}' for name in given)}: these describe a drawn day; a file tells its own")
    if options.file is None and options.layout is None:
        raise UsageError("name an order file, or a warehouse with --layout, for which orders are drawn")
    if options.plot:
        _check_picture(options.plot)

    from warehouse.arrivals.command import Told, day
    from warehouse.arrivals.forming import Effort
    from warehouse.arrivals.release import Patience
    from warehouse.arrivals.rules import RULES, Settings

    settings = Settings(
        Patience(options.full, 60 * options.hold, 60 * options.margin),
        Effort(options.horizon, iterations=options.iterations),
        60 * options.window,
    )
    drawn = options.file is None
    pickers = _PICKERS if drawn and options.pickers is None else options.pickers
    source = _drawn(options) if drawn else options.file
    return day(source, pickers, options.rule or RULES, settings, Told(options.json, options.plot))


def _drawn(options: argparse.Namespace) -> Drawn:
    from warehouse.arrivals.command import Drawn

    values = {name: default if getattr(options, name) is None else getattr(options, name) for name, default in _DRAWN.items()}
    lead, departures = values["lead"], values["departures"]
    return Drawn(
        options.layout,
        values["orders"],
        values["hours"],
        values["capacity"],
        60 * lead,
        None if departures is None else 60 * departures,
        values["seed"],
    )


def _check_picture(path: Path) -> None:
    """Say so before anything is computed."""
    from bintally.errors import UsageError
    from warehouse.routing.pictures.style import check_suffix

    check_suffix(path)
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}; make it, or choose another")
