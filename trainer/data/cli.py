"""``bintally data``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # argparse's own type takes parameters for type checkers only
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001


def data(arguments: Sequence[str]) -> int:
    """check, group, split and explore labelled images"""
    parser = argparse.ArgumentParser(prog="bintally data", description=data.__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_prepare(commands)
    _add_explore(commands)
    options = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _add_prepare(commands: _Commands) -> None:
    prepare_parser = commands.add_parser(
        "prepare",
        help="check a folder in ABID's layout and split it 80/10/10",
        description="Check every image and label, group images that share an article, and split the groups 80/10/10.",
        epilog="example: bintally data prepare abid --out prepared",
    )
    prepare_parser.add_argument("folder", type=Path, help="bin-images/<id>.jpg beside metadata/<id>.json")
    prepare_parser.add_argument("--out", type=Path, required=True, help="folder for index.csv and report.json")
    prepare_parser.add_argument("--seed", type=int, help="another seed gives another split")
    prepare_parser.add_argument("--json", action="store_true", help="print the report as JSON")
    prepare_parser.set_defaults(run=_prepare)


def _prepare(options: argparse.Namespace) -> int:
    from trainer.data.prepare import REPORT, prepare, report
    from trainer.data.scan import SPLIT_SEED

    prepared = prepare(options.folder, options.out, SPLIT_SEED if options.seed is None else options.seed)
    if options.json:
        print(json.dumps(report(prepared)))
        return 0
    for part in ("train", "val", "test"):
        print(f"{part:<6} {len(prepared.part(part)):>7} images")
    print(f"refused {len(prepared.refused):>6} files" + (f"; each with its reason in {options.out / REPORT}" if prepared.refused else ""))
    return 0


def _add_explore(commands: _Commands) -> None:
    explore_parser = commands.add_parser(
        "explore",
        help="show what a data set holds, in one HTML page",
        description="Classes, pictures, labels that may be wrong, twins and leaks of a data set, in one HTML page that opens offline.",
        epilog="example: bintally data explore abid --out report.html --model default",
    )
    explore_parser.add_argument("folder", type=Path, help="a folder that 'data prepare' reads or wrote")
    explore_parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the HTML file")
    explore_parser.add_argument(
        "--list",
        type=Path,
        metavar="FILE",
        help="compare with a list of labels: {'<count>': [paths …]} or the challenge's [[index, count], …]",
    )
    explore_parser.add_argument(
        "--model", help="rank labels by what a checkpoint (.pt) or bundle (.onnx) says; 'default' is the shipped bundle"
    )
    explore_parser.add_argument("--json", action="store_true", help="print the findings as one JSON object")
    explore_parser.set_defaults(run=_explore)


def _explore(options: argparse.Namespace) -> int:
    from trainer.data.explore_report import as_table, explore

    found = explore(options.folder, options.out, options.list, options.model)
    print(json.dumps(found) if options.json else f"{as_table(found)}\n\n{options.out}")
    return 0
