"""``bintally pick bench``."""

from __future__ import annotations

import argparse
from pathlib import Path

from warehouse.pick.parsers.types import number, whole_from


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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
        help="instances, speed, cart, policies, growth, estimator, two-lists, batching, batch-growth; without a name all but those whose "
        "files are not given, and the long ones: two-lists (220 times --seconds), batching (--seconds an instance), batch-growth (4 minutes)",
    )
    parser.add_argument(
        "--instances",
        type=Path,
        metavar="DIR",
        help="picker-routing instances with optima.csv: compare with the proven optima; or for batching, with best_known.csv",
    )
    parser.add_argument("--estimator", type=Path, metavar="BUNDLE", help="measure it beside the cart's methods; takes --layout, too")
    parser.add_argument("--layout", type=Path, metavar="FILE", help="of the warehouse that the estimator was trained for")
    parser.add_argument(
        "--seconds",
        type=number,
        default=10.0,
        metavar="N",
        help="two-lists: of each annealing on estimates; batching: of each instance (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the plots here, and batching.csv, from which a run goes on")
    parser.add_argument("--lists", type=whole_from(1), default=500, metavar="N", help="of each kind (default: %(default)s)")
    parser.add_argument("--seed", type=whole_from(0), default=0, metavar="S", help="of the lists (default: %(default)s)")


def _bench(options: argparse.Namespace) -> int:
    from bintally.errors import UsageError
    from warehouse.pick.bench import bench

    if (options.estimator is None) != (options.layout is None):
        raise UsageError("--estimator and --layout go together: a bundle, and the file of its warehouse")
    trained = (options.estimator, options.layout) if options.estimator else None
    bench(options.parts, options.instances, options.out, options.lists, options.seed, trained, options.seconds)
    return 0
