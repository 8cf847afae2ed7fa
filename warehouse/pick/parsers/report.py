"""``bintally pick report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from warehouse.pick.parsers.types import above_0, whole_from


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "report",
        help="the estimator's tables and figures, on one page",
        description="Measure an estimator of the cart's time: how long it was trained, how fast and how good it is, and what batching gains by "
        "it; on one page, beside what the second seed system reported (docs/report.md). Takes a quarter of an hour with the defaults.",
        epilog="example: bintally pick report --estimator hall.onnx --layout docs/examples/hall.toml --labels labels --run runs/hall --out report",
    )
    parser.set_defaults(run=_report)
    parser.add_argument("--estimator", type=Path, required=True, metavar="BUNDLE", help="what 'bintally export' made of a travel-time run")
    parser.add_argument("--layout", type=Path, required=True, metavar="FILE", help="of the warehouse that it was trained for")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="write report.html, report.json and the figures here")
    parser.add_argument(
        "--labels", type=Path, metavar="DIR", help="judge errors by the held-out lists of 'bintally pick label' (default: lists drawn now)"
    )
    parser.add_argument(
        "--run",
        type=Path,
        action="append",
        default=[],
        dest="runs",
        metavar="RUN",
        help="the folder of a 'bintally train --task travel-time', for its training time; may be given several times, as for CPU and GPU",
    )
    parser.add_argument("--lists", type=whole_from(1), default=5000, metavar="N", help="to judge errors by, at most (default: %(default)s)")
    parser.add_argument(
        "--repetitions", type=whole_from(1), default=5, metavar="N", help="of the experiment of two lists (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds",
        type=above_0,
        default=10.0,
        metavar="N",
        help="of annealing on estimates in each; on calculated times it is ten times as long (default: %(default)g)",
    )
    parser.add_argument("--seed", type=whole_from(0), default=0, metavar="S", help="of all that is drawn (default: %(default)s)")


def _report(options: argparse.Namespace) -> int:
    from warehouse.pick.report.run import Asked, report

    report(
        Asked(
            estimator=options.estimator,
            layout=options.layout,
            labels=options.labels,
            runs=tuple(options.runs),
            out=options.out,
            lists=options.lists,
            repetitions=options.repetitions,
            seconds=options.seconds,
            seed=options.seed,
        )
    )
    print(options.out / "report.html")
    return 0
