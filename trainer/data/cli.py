"""``bintally data``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path


def data(arguments: Sequence[str]) -> int:
    """check, group and split labelled images"""
    parser = argparse.ArgumentParser(prog="bintally data", description=data.__doc__)
    commands = parser.add_subparsers(required=True, metavar="prepare")
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
    options = parser.parse_args(arguments)

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
