"""``bintally pick route``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.pick.parsers.cart import OPTIONS, add_cart_options, given_cart
from warehouse.pick.parsers.types import above_0, number, whole_from

if TYPE_CHECKING:
    from warehouse.pick.route import Asked

_WITH_CART = {**OPTIONS, "--method": "method", "--iterations": "iterations", "--seed": "seed"}
"""The options that need ``--cart``, and where argparse puts them."""
_OF_FILES = {
    "PATH": "paths",
    "--policy": "policy",
    "--blocks": "blocks",
    "--entry-distance": "entry_distance",
    "--slice": "slice_plot",
    "--cart": "cart",
    **{option: name for option, name in _WITH_CART.items() if option != "--walk-speed"},
}
"""What means nothing with ``--from-ledger``."""
_OF_LEDGER = {"--site": "site", "--minutes": "minutes", "--look": "look_s", "--assign": "assign"}
"""What means nothing without it."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "route",
        help="the tour of each pick list",
        description="Find the tour of each pick list. Takes our files (docs/layouts.md), the literature's, or folders of them. Or, with "
        "--from-ledger, the tour of who looks into bins whose books are wrong (docs/walks.md).",
        epilog="examples: bintally pick route picks.toml --policy optimal --policy s-shape --plot tour.svg; "
        "bintally pick route --from-ledger sqlite:///ledger.db --site berlin --minutes 30 --plot recounts.svg",
    )
    parser.set_defaults(run=_route)
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="a file, or a folder of files")
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
    ledger = parser.add_argument_group("a recount tour, the costliest discrepancies first, instead of files; with --walk-speed")
    ledger.add_argument("--from-ledger", metavar="URL", help="database URL, for instance sqlite:///ledger.db")
    ledger.add_argument("--site", metavar="NAME", help="whose discrepancies")
    ledger.add_argument("--minutes", type=above_0, metavar="N", help="that the tour may take (default: 30)")
    ledger.add_argument("--look", type=number, dest="look_s", metavar="S", help="to look into a bin and count it (default: 15)")
    ledger.add_argument("--assign", metavar="NAME", help="send somebody: the discrepancies of the tour are theirs from then on")


def _route(options: argparse.Namespace) -> int:
    if options.from_ledger is not None:
        return _recounts(options)
    from bintally.errors import UsageError
    from warehouse.pick.route import route
    from warehouse.pick.show import Shown

    if strangers := _given(options, _OF_LEDGER):
        raise UsageError(f"{', '.join(strangers)}: only with --from-ledger")
    if not options.paths:
        raise UsageError("nothing to route: name a file or a folder, or a ledger with --from-ledger")
    one = len(options.paths) == 1 and not options.paths[0].is_dir()
    if not one and (options.plot or options.slice_plot):
        raise UsageError("--plot and --slice draw one list: name one file")
    if pictures := [path for path in (options.plot, options.slice_plot) if path]:
        _check_pictures(pictures)
    shown = Shown(as_json=options.json, stops=one, plot=options.plot, slice_plot=options.slice_plot)
    return route(options.paths, options.blocks, options.entry_distance, _asked(options), shown)


def _recounts(options: argparse.Namespace) -> int:
    from bintally.errors import UsageError

    try:
        from warehouse.pick.recounts import Asked, recounts
        from warehouse.walks.recounts import Limits
    except ModuleNotFoundError as error:  # the ledger is of another extra than the planner
        raise UsageError(
            f"--from-ledger: needs {error.name}, which is not installed; run: pip install 'bintally[pick,warehouse]'"
        ) from error
    if strangers := _given(options, _OF_FILES):
        raise UsageError(f"{', '.join(strangers)}: not with --from-ledger, which gives the recount tour of a site")
    if not options.site:
        raise UsageError("--from-ledger: whose discrepancies? name the --site")
    if options.plot:
        _check_pictures([options.plot])
    given = {"walk_m_s": options.walk_m_s, "look_s": options.look_s, "time_s": options.minutes and 60 * options.minutes}
    limits = Limits(**{name: value for name, value in given.items() if value is not None})
    return recounts(Asked(options.from_ledger, options.site, limits, options.assign, options.json, options.plot))


def _given(options: argparse.Namespace, names: dict[str, str]) -> list[str]:
    """Which of some options stand on the command line."""
    return [option for option, name in names.items() if getattr(options, name) not in (None, False, [])]


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
