"""``bintally pick``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.pick.route import Asked

_CART = {
    "--walk-speed": "walk_m_s",
    "--push-speed": "push_m_s",
    "--hands": "hands",
    "--park-time": "park_s",
    "--pick-time": "pick_s",
    "--in-aisles": "in_aisles",
    "--method": "method",
    "--iterations": "iterations",
    "--seed": "seed",
}
"""The options that need ``--cart``, and where argparse puts them."""


def pick(arguments: Sequence[str]) -> int:
    """plan walks: the shortest pick tours, with and without a parked cart"""
    parser = argparse.ArgumentParser(prog="bintally pick", description=pick.__doc__)
    commands = parser.add_subparsers(required=True, metavar="{route,bench}")
    _route_parser(commands)
    _bench_parser(commands)
    options = parser.parse_args(arguments)
    return int(options.run(options))


def _route_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "route",
        help="the tour of each pick list",
        description="Find the tour of each pick list. Takes our files (docs/layouts.md), the literature's, or folders of them.",
        epilog="example: bintally pick route picks.toml --policy optimal --policy s-shape --plot tour.svg",
    )
    parser.set_defaults(run=_route)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder of files")
    parser.add_argument(
        "--policy",
        action="append",
        metavar="NAME",
        help="optimal (the default), s-shape, return, midpoint, largest-gap, combined, aisle-by-aisle, or all; may be given several times",
    )
    parser.add_argument("--blocks", type=int, metavar="N", help="of the literature's files: 2 puts a cross aisle in the middle")
    parser.add_argument(
        "--entry-distance",
        type=_number,
        metavar="M",
        help="of the literature's files: from a cross aisle to the first cell, instead of their own",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a tour, a line each")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the tours of one list side by side (.svg, .png or .pdf)")
    parser.add_argument(
        "--slice",
        type=Path,
        metavar="FILE",
        dest="slice_plot",
        help="draw how long the way of one list gets by one more pick, wherever it lies",
    )
    cart = parser.add_argument_group("with a cart that is parked while the worker walks (docs/picking.md)")
    cart.add_argument("--cart", action="store_true", help="plan for a worker with a cart; what follows replaces what the file says of it")
    cart.add_argument("--walk-speed", type=_number, dest="walk_m_s", metavar="M/S", help="without the cart")
    cart.add_argument("--push-speed", type=_number, dest="push_m_s", metavar="M/S", help="with the cart")
    cart.add_argument("--hands", type=_hands, metavar="K", help="items that the worker can carry, or «unlimited»")
    cart.add_argument("--park-time", type=_number, dest="park_s", metavar="S", help="each time that the cart is left")
    cart.add_argument("--pick-time", type=_number, dest="pick_s", metavar="S", help="at each place")
    cart.add_argument(
        "--in-aisles", action=argparse.BooleanOptionalAction, default=None, help="whether the cart may be pushed through whole sub-aisles"
    )
    cart.add_argument("--method", choices=("auto", "exact", "search"), help="auto, the default, is exact for short lists")
    cart.add_argument("--iterations", type=_whole(0), metavar="N", help="of the search; more find better schedules")
    cart.add_argument("--seed", type=_whole(0), metavar="S", help="of the search (default: 0)")


def _number(text: str) -> float:
    try:
        if math.isfinite(number := float(text)):
            return number
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")


def _whole(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        try:
            if (number := int(text)) >= least:
                return number
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")

    return whole


def _hands(text: str) -> int | str:
    return text if text == "unlimited" else _whole(1)(text)


def _route(options: argparse.Namespace) -> int:
    from bintally.errors import UsageError
    from warehouse.pick.route import route
    from warehouse.pick.show import Shown

    one = len(options.paths) == 1 and not options.paths[0].is_dir()
    if not one and (options.plot or options.slice_plot):
        raise UsageError("--plot and --slice draw one list: name one file")
    if pictures := [path for path in (options.plot, options.slice_plot) if path]:
        _check_pictures(pictures)
    shown = Shown(as_json=options.json, stops=one, plot=options.plot, slice_plot=options.slice_plot)
    return route(options.paths, options.blocks, options.entry_distance, _asked(options), shown)


def _check_pictures(paths: Sequence[Path]) -> None:
    """Say so before anything is computed."""
    from bintally.errors import UsageError
    from warehouse.routing.pictures.style import check_suffix

    if len(set(paths)) < len(paths):
        raise UsageError(f"{paths[0]}: --plot and --slice are two pictures; give them two names")
    for path in paths:
        check_suffix(path)
        if not path.parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.parent}; make it, or choose another")


def _asked(options: argparse.Namespace) -> Asked:
    from bintally.errors import UsageError
    from bintally.layouts import Cart
    from warehouse.pick.route import Asked
    from warehouse.routing.policies import POLICIES

    values = {option: getattr(options, name) for option, name in _CART.items() if getattr(options, name) is not None}
    if values and not options.cart:
        raise UsageError(f"{', '.join(values)}: only with --cart")
    given = {_CART[option]: value for option, value in values.items() if _CART[option] in Cart.__dataclass_fields__}
    if given.get("hands") == "unlimited":
        given["hands"] = None
    policies = options.policy or ["optimal"]
    if "all" in policies:
        policies = ["optimal", *POLICIES]
    return Asked(
        tuple(dict.fromkeys(policies)), given if options.cart else None, options.method or "auto", options.iterations, options.seed or 0
    )


def _bench_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "bench",
        help="measure: exactness, speed, gaps, the policies' excess",
        description="Measure the routing on this machine and print tables; some minutes.",
        epilog="example: bintally pick bench --instances ../shared/instances/sprp --out plots",
    )
    parser.set_defaults(run=_bench)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help="instances, speed, cart, policies, growth; without a name all but instances without a folder",
    )
    parser.add_argument(
        "--instances", type=Path, metavar="DIR", help="picker-routing instances with optima.csv: compare with the proven optima"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the plots here")
    parser.add_argument("--lists", type=_whole(1), default=500, metavar="N", help="of each kind (default: %(default)s)")
    parser.add_argument("--seed", type=_whole(0), default=0, metavar="S", help="of the lists (default: %(default)s)")


def _bench(options: argparse.Namespace) -> int:
    from warehouse.pick.bench import bench

    bench(options.parts, options.instances, options.out, options.lists, options.seed)
    return 0
