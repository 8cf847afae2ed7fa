"""``bintally data``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # argparse's own type takes parameters for type checkers only
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001


def data(arguments: Sequence[str]) -> int:
    """fetch, check, group, split and explore labelled images"""
    parser = argparse.ArgumentParser(prog="bintally data", description=data.__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_fetch(commands)
    _add_prepare(commands)
    _add_explore(commands)
    options = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _add_fetch(commands: _Commands) -> None:
    parser = commands.add_parser(
        "fetch",
        help="download the Amazon Bin Image Dataset, or some of it",
        description="Download photographs of the Amazon Bin Image Dataset with their metadata (CC BY-NC-SA 3.0 US) from its public bucket. "
        "Each file is checked and kept whole or not at all; run the same command again to go on after a stop, and nothing that is "
        "there whole is fetched twice. What is missing is listed in fetch-missing.csv at the destination, and the exit code is then 1.",
        epilog="example: bintally data fetch --per-class 500 --to abid",
    )
    parser.add_argument("--to", required=True, metavar="PLACE", help="folder, or s3://bucket/prefix with your own credentials")
    parser.add_argument("--all", action="store_true", help="all photographs of the bucket (535,234, some 30 GB)")
    parser.add_argument(
        "--ids",
        type=Path,
        metavar="FILE",
        help="only these: one id a line, or JSON: [id, ...], the challenge's [[index, count], ...], the capstone's {'<count>': [paths ...]}",
    )
    parser.add_argument(
        "--per-class",
        type=int,
        metavar="N",
        help="only N of each count 0 to 5 and of 6 or more, chosen at random; with --ids, of those, and of the counts that the list gives",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed chooses others with --per-class (default: 0)")
    parser.add_argument("--workers", type=int, default=16, help="files at a time (default: 16)")
    parser.add_argument("--bucket", default="aft-vbi-pds", help="public bucket to fetch from (default: aft-vbi-pds)")
    parser.add_argument("--region", default="us-east-1", help="its region (default: us-east-1)")
    parser.add_argument("--endpoint-url", metavar="URL", help="its S3-compatible store (default: AWS)")
    parser.add_argument("--to-endpoint-url", metavar="URL", help="the S3-compatible store of --to s3://… (default: AWS)")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.set_defaults(run=_fetch)


def _fetch(options: argparse.Namespace) -> int:
    from bintally.logs import log_to_stderr
    from bintally.signals import stop_on_signal
    from trainer.data.fetching.destination import open_destination
    from trainer.data.fetching.fetch import MISSING, fetch, plan_for
    from trainer.data.fetching.s3 import Bucket
    from trainer.data.fetching.tally import shown_on_stderr

    log_to_stderr()
    plan = plan_for(options.all, options.ids, options.per_class, options.seed, options.workers)
    with stop_on_signal() as stop:
        source = Bucket(
            options.bucket, endpoint_url=options.endpoint_url, region=options.region, signed=False, connections=options.workers, stop=stop
        )
        with (
            closing(open_destination(options.to, options.to_endpoint_url, options.workers, stop)) as destination,
            shown_on_stderr() as shown,
        ):
            tally = fetch(source, destination, plan, options.workers, stop, shown)
    print(json.dumps(tally.as_json()) if options.json else tally.as_text(f"{destination.where}/{MISSING}"))
    return 130 if tally.stopped else 0 if tally.complete else 1


def _add_prepare(commands: _Commands) -> None:
    prepare_parser = commands.add_parser(
        "prepare",
        help="check, group and split labelled images",
        description="Check every image and label, group images that share an article, look alike or are of one event, and split the "
        "groups 80/10/10.",
        epilog="example: bintally data prepare abid --out prepared",
    )
    prepare_parser.add_argument(
        "folder",
        type=Path,
        help="bin-images/<id>.jpg beside metadata/<id>.json, or <count>/<image>.jpg, where a file groups.csv (image,group) may say which "
        "images are of one bin",
    )
    prepare_parser.add_argument("--out", type=Path, required=True, help="folder for index.csv and report.json")
    prepare_parser.add_argument("--seed", type=int, help="another seed gives another split")
    prepare_parser.add_argument(
        "--split-file",
        nargs="+",
        metavar="[PART=]FILE",
        help="a split made elsewhere: PART=FILE for each part, with lists of labels such as the ABID challenge's "
        "(train=counting_train.json val=counting_val.json), or one CSV (image,part) or JSON file ({'<image id>': '<part>'})",
    )
    prepare_parser.add_argument("--allow-leak", action="store_true", help="take the split file even if a group is in two of its parts")
    prepare_parser.add_argument(
        "--ignore-look-alikes", action="store_true", help="let articles and groups.csv alone say which images stay together"
    )
    prepare_parser.add_argument("--json", action="store_true", help="print the report as JSON")
    prepare_parser.set_defaults(run=_prepare)


def _prepare(options: argparse.Namespace) -> int:
    from bintally.errors import UsageError
    from trainer.data.prepare import REPORT, write
    from trainer.data.report import as_text, report, warnings
    from trainer.data.scan import SPLIT_SEED, Plan, survey
    from trainer.data.split_file import read_split

    if options.allow_leak and not options.split_file:
        raise UsageError("--allow-leak is for a split of --split-file; bintally's own does not leak")
    if options.seed is not None and options.split_file:
        raise UsageError("--seed and --split-file exclude each other: a given split is not drawn")
    seed = SPLIT_SEED if options.seed is None else options.seed
    given = read_split(options.split_file) if options.split_file else None
    found = survey(options.folder, Plan(seed, given, options.allow_leak, not options.ignore_look_alikes))
    write(found, options.out)
    for warning in warnings(found):
        print(f"bintally data: warning: {warning}", file=sys.stderr)
    facts = report(found)
    print(json.dumps(facts) if options.json else f"{as_text(facts)}\n\n{options.out / REPORT}")
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
    from trainer.data.exploring.report import as_table, explore

    found = explore(options.folder, options.out, options.list, options.model)
    print(json.dumps(found) if options.json else f"{as_table(found)}\n\n{options.out}")
    return 0
