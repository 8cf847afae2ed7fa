"""``bintally pick label``."""

from __future__ import annotations

import argparse
from pathlib import Path

from warehouse.pick.parsers.cart import add_cart_options, given_cart
from warehouse.pick.parsers.types import whole_from


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "label",
        help="random pick lists with their travel times, to learn from",
        description="Draw random pick lists of a layout, label each with its travel time, and write them as Parquet files (docs/labels.md). "
        "Stopped or killed, the same command goes on.",
        epilog="example: bintally pick label --layout docs/examples/hall.toml --lists 10000 --out labels",
    )
    parser.set_defaults(run=_label)
    parser.add_argument("--layout", type=Path, required=True, metavar="FILE", help="a layout file, or a pick file with one")
    parser.add_argument("--lists", type=whole_from(1), required=True, metavar="N", help="how many")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="write them here, or go on with what is here")
    parser.add_argument(
        "--function",
        action="append",
        metavar="NAME",
        help="cart (the default), plain, a policy such as s-shape, or your own as module:function; may be given several times",
    )
    parser.add_argument(
        "--most-picks", type=whole_from(1), default=50, metavar="N", help="places of the longest list (default: %(default)s)"
    )
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help="some of uniform, skewed, clustered (default: all)")
    parser.add_argument("--seed", type=whole_from(0), default=0, metavar="S", help="of the lists (default: %(default)s)")
    parser.add_argument("--shard", type=whole_from(1), default=2000, metavar="N", help="lists a file (default: %(default)s)")
    parser.add_argument("--workers", type=whole_from(1), metavar="N", help="processes (default: one a core)")
    parser.add_argument("--ray", metavar="ADDRESS", help="compute on a Ray cluster; «local» starts one here")
    add_cart_options(parser.add_argument_group("the worker and the cart (docs/picking.md)"))


def _label(options: argparse.Namespace) -> int:
    from functools import partial

    from bintally.errors import UsageError
    from bintally.layouts import Cart
    from bintally.layouts.files import read_places
    from bintally.signals import stop_on_signal
    from warehouse.labels.draw import Drawing, known_kinds
    from warehouse.labels.job import Job, functions_of, sheet_of
    from warehouse.labels.label import label
    from warehouse.labels.progress import progress
    from warehouse.labels.workers import cores, on_this_machine

    names, cart = options.function or ["cart"], Cart(**given_cart(options))
    if given_cart(options) and "cart" not in names:
        raise UsageError("a cart is described, but nothing is labelled with it: add --function cart, or leave its options out")
    ladder, places = read_places(options.layout)
    drawing = Drawing(places, known_kinds(options.kinds), options.most_picks, options.seed)
    job = Job(ladder, drawing, functions_of(names, cart), options.lists, options.shard)
    sheet = sheet_of(job, cart if "cart" in names else None)
    job.labelled(0, 1)  # whatever is wrong with the job itself shows here, and the first call compiles
    workers = options.workers or cores()
    if options.ray:
        from warehouse.labels.on_ray import on_ray

        compute = partial(on_ray, job, address=options.ray, workers=workers)
    else:
        compute = partial(on_this_machine, job, workers=workers)
    with stop_on_signal() as stop, progress(options.lists) as show:
        done = label(options.out, sheet, lambda numbers, stop: compute(numbers, stop=stop), stop, show)
    print(f"{options.out}: {options.lists:,} lists" if done else f"{options.out}: stopped; the same command goes on")
    return 0 if done else 130
