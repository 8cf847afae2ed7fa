"""``bintally pick route``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.pick.parsers.cart import OPTIONS, add_cart_options, given_cart
from warehouse.pick.parsers.types import number, whole_from

if TYPE_CHECKING:
    from warehouse.pick.route import Asked

_WITH_CART = {**OPTIONS, "--method": "method", "--iterations": "iterations", "--seed": "seed"}
"""The options that need ``--cart``, and where argparse puts them."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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
        type=number,
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
    add_cart_options(cart)
    cart.add_argument("--method", choices=("auto", "exact", "search"), help="auto, the default, is exact for short lists")
    cart.add_argument("--iterations", type=whole_from(0), metavar="N", help="of the search; more find better schedules")
    cart.add_argument("--seed", type=whole_from(0), metavar="S", help="of the search (default: 0)")


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
    from warehouse.pick.route import Asked
    from warehouse.routing.policies import POLICIES

    values = [option for option, name in _WITH_CART.items() if getattr(options, name) is not None]
    if values and not options.cart:
        raise UsageError(f"{', '.join(values)}: only with --cart")
    policies = options.policy or ["optimal"]
    if "all" in policies:
        policies = ["optimal", *POLICIES]
    return Asked(
        tuple(dict.fromkeys(policies)),
        given_cart(options) if options.cart else None,
        options.method or "auto",
        options.iterations,
        options.seed or 0,
    )
