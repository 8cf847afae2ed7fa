"""``bintally pick batch``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.pick.parsers.cart import OPTIONS, add_cart_options, given_cart
from warehouse.pick.parsers.types import above_0, number, whole_from

if TYPE_CHECKING:
    from warehouse.pick.batch.batcher import Asked

_SECONDS = 10.0


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "batch",
        help="orders batched into pick lists",
        description="Put orders into pick lists, each picked in one tour. Takes our order files (docs/layouts.md), the literature's, or "
        "folders of them.",
        epilog="example: bintally pick batch docs/examples/orders.toml --seconds 2",
    )
    parser.set_defaults(run=_batch)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder of files")
    parser.add_argument(
        "--method", default="alns", metavar="NAME", help="random, first-come, seed, savings, annealing, or alns (the default, and the best)"
    )
    parser.add_argument("--seconds", type=above_0, metavar="N", help=f"search so long for each file (default: {_SECONDS:g})")
    parser.add_argument(
        "--iterations", type=whole_from(1), metavar="N", help="search so many steps for each part of a file that is batched"
    )
    parser.add_argument("--patience", type=whole_from(1), metavar="N", help="stop after so many steps without a better solution")
    parser.add_argument("--seed", type=whole_from(0), default=0, metavar="S", help="of the random numbers (default: %(default)s)")
    parser.add_argument("--carts", type=whole_from(1), metavar="N", help="the most pick lists of each wave and zone, instead of the file's")
    parser.add_argument(
        "--entry-distance",
        type=number,
        metavar="M",
        help="of the literature's files: from a cross aisle to the first cell, instead of their own",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a file, a line each")
    cart = parser.add_argument_group("least time with a cart that is parked while the worker walks (docs/picking.md), not least length")
    cart.add_argument("--cart", action="store_true", help="plan for a worker with a cart; what follows replaces what the file says of it")
    add_cart_options(cart)
    cart.add_argument("--estimator", type=Path, metavar="BUNDLE", help="a travel-time bundle of this layout and cart, to judge lists by")
    cart.add_argument(
        "--judge",
        choices=("exact", "estimate", "estimate-then-exact"),
        help="who times a list: the best schedule, or an estimator (default: estimate-then-exact with --estimator, otherwise exact)",
    )


def _batch(options: argparse.Namespace) -> int:
    from warehouse.pick.batch.run import batch
    from warehouse.pick.batch.show import Shown

    one = len(options.paths) == 1 and not options.paths[0].is_dir()
    return batch(options.paths, options.entry_distance, _asked(options), Shown(as_json=options.json, lists=one))


def _asked(options: argparse.Namespace) -> Asked:
    from bintally.errors import UsageError
    from bintally.layouts.model import nearest
    from warehouse.batching.solve import METHODS
    from warehouse.pick.batch.batcher import Asked

    if options.method not in METHODS:
        raise UsageError(f"there is no batching method {options.method!r}; {nearest(options.method, METHODS)}")
    needing = {**OPTIONS, "--estimator": "estimator", "--judge": "judge"}
    if not options.cart and (given := [option for option, name in needing.items() if getattr(options, name) is not None]):
        raise UsageError(f"{', '.join(given)}: only with --cart")
    unlimited = options.seconds is None and options.iterations is None and options.patience is None
    estimator = None
    if options.estimator:
        from warehouse.estimator import open_estimator

        estimator = open_estimator(options.estimator)
    return Asked(
        method=options.method,
        cart=given_cart(options) if options.cart else None,
        judge=options.judge or ("estimate-then-exact" if estimator else "exact"),
        estimator=estimator,
        carts=options.carts,
        seconds=_SECONDS if unlimited else options.seconds,
        iterations=options.iterations,
        patience=options.patience,
        seed=options.seed,
    )
