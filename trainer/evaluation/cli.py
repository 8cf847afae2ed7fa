"""``bintally evaluate``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

_EPILOG = """\
examples:
  bintally evaluate bundle.onnx --data abid --split test
  bintally evaluate default --data abid --report counter.html
  bintally evaluate --compare old.onnx runs/new/best.pt --data abid
"""


def evaluate(arguments: Sequence[str]) -> int:
    """score a checkpoint or a bundle, or compare two"""
    parser = argparse.ArgumentParser(
        prog="bintally evaluate",
        description=f"{evaluate.__doc__}: accuracy and RMSE as the ABID challenge defines them, calibration, what «unsure» is worth, "
        "and verification against the books, with intervals",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="a checkpoint (.pt) or a bundle (.onnx); 'default' for the shipped bundle"
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder in ABID's layout, or one that 'data prepare' wrote")
    parser.add_argument("--split", choices=("train", "val", "test", "all"), default="test", help="(default: %(default)s)")
    parser.add_argument(
        "--compare", nargs=2, metavar=("A", "B"), help="say whether B differs from A by more than chance, on the same images"
    )
    parser.add_argument("--report", type=Path, metavar="OUT.html", help="write a page with diagrams and the worst mistakes; needs MODEL")
    parser.add_argument(
        "--promised", type=float, help="accuracy that a checkpoint's abstain threshold shall promise (default: 0.9; a bundle has its own)"
    )
    parser.add_argument("--speed", action="store_true", help="measure images a second on this machine, too; a report always does")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object; the comparison stands under 'comparison' beside MODEL's figures"
    )
    options = parser.parse_args(arguments)

    from bintally.errors import UsageError
    from trainer.evaluation.evaluate import as_table, as_words
    from trainer.evaluation.report import check_place, write_report
    from trainer.evaluation.task import Task

    if options.model is None and not options.compare:
        raise UsageError("name a MODEL to score ('default' for the shipped bundle), or two with --compare")
    if options.model is None and (options.report or options.speed or options.promised is not None):
        raise UsageError("--report, --speed and --promised are about one model; name it as MODEL, beside --compare")
    if options.report:
        check_place(options.report)
    task = Task(options.data, options.split)
    comparison = task.compare(*options.compare) if options.compare else None
    if options.model is None:
        print(json.dumps(comparison, allow_nan=False) if options.json or comparison is None else as_words(comparison))
        return 0
    evaluation = task.evaluate(options.model, options.promised)
    speed = task.speed(options.model) if options.speed or options.report else None
    if options.report and speed:
        write_report(options.report, evaluation, speed, comparison, datetime.now(timezone.utc).strftime("%Y-%m-%d"))
    if options.json:
        extra = {"speed": speed and asdict(speed), "comparison": comparison}
        print(json.dumps({**evaluation.outcome, **{name: value for name, value in extra.items() if value}}, allow_nan=False))
        return 0
    print(as_table(evaluation.outcome))
    if speed:
        print(
            f"\n{speed.ms_per_image:.1f} ms an image alone, {speed.images_per_s:.1f} images/s in batches of {speed.batch} ({speed.machine}, load {speed.load:.1f})"
        )
    if comparison:
        print(f"\n{as_words(comparison)}")
    if options.report:
        print(f"\n{options.report} written")
    return 0
