"""``bintally pick estimate``."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "estimate",
        help="the travel time of each pick list, estimated by a network",
        description="Estimate the travel time of each pick list, in microseconds, beside its shortest tour. Takes pick files (docs/layouts.md) "
        "of the warehouse that the estimator was trained for, or folders of them.",
        epilog="example: bintally pick estimate lists/ --estimator hall.onnx --json",
    )
    parser.set_defaults(run=_estimate)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder of files")
    parser.add_argument("--estimator", type=Path, required=True, metavar="BUNDLE", help="what 'bintally export' made of a travel-time run")
    parser.add_argument("--json", action="store_true", help="one JSON object a list, a line each")


def _estimate(options: argparse.Namespace) -> int:
    from warehouse.pick.estimate import estimate

    return estimate(options.paths, options.estimator, options.json)
