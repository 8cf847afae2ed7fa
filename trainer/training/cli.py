"""``bintally train``."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from bintally.errors import UsageError

TASKS = ("count", "travel-time")


def train(arguments: Sequence[str]) -> int:
    """train a counter, or an estimator of travel times"""
    task, rest = task_of(arguments)
    return _train_travel_time(rest) if task == "travel-time" else _train_counter(rest)


def task_of(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The task that the arguments name, and the other ones."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_task(parser)
    options, rest = parser.parse_known_args(arguments)
    return options.task, rest


def add_task(parser: argparse.ArgumentParser) -> None:
    """Add ``--task``."""
    parser.add_argument(
        "--task",
        choices=TASKS,
        default="count",
        help="count: fine-tune a counter on frames (default); travel-time: learn a label of 'pick label'. Each has its own --help",
    )


def _train_counter(arguments: Sequence[str]) -> int:
    from trainer.training.options import add_settings, settings_from
    from trainer.training.settings import TrainSettings

    parser = argparse.ArgumentParser(
        prog="bintally train",
        description="fine-tune a counter; several processes share the work under 'torchrun -m bintally.cli train …'",
        epilog="example: bintally train --data prepared --out runs/first --weights resnet50.pth; stop it with Ctrl-C, go on with --resume",
    )
    add_task(parser)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders that 'data prepare' wrote, or in ABID's layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for best.pt, last.pt, metrics.jsonl and TensorBoard's curves")
    parser.add_argument("--weights", type=Path, help="ImageNet weights (state dict of torchvision's model); torchvision's own by default")
    parser.add_argument(
        "--begin", type=Path, nargs="+", default=(), metavar="CHECKPOINT", help="begin with these checkpoints' average instead"
    )
    parser.add_argument("--resume", action="store_true", help="go on where the run in --out stopped")
    parser.add_argument("--cache", type=Path, help="folder for decoded frames (default: bintally/frames in the user's cache folder)")
    parser.add_argument("--profile", type=Path, metavar="TRACE", help="record a few steps for Chrome's trace viewer or Perfetto")
    add_settings(parser, TrainSettings)
    options = parser.parse_args(arguments)
    settings = settings_from(options, TrainSettings)
    if options.begin and options.weights:
        raise UsageError("--weights and --begin: both say what to begin with; give one")

    from bintally.logs import log_to_stderr
    from trainer.data.prepare import load
    from trainer.evaluation.evaluate import figure
    from trainer.training.train import train as run

    first = os.environ.get("RANK", "0") == "0"  # torchrun numbers its processes
    log_to_stderr(logging.INFO if first else logging.ERROR)
    sets = [load(folder) for folder in options.data]
    best = run(
        sets,
        options.out,
        settings,
        options.weights,
        options.resume,
        begin=options.begin,
        cache=options.cache,
        profile=options.profile,
    )
    if not first:
        return 0
    outcome = min(best.facts["validation"], key=lambda entry: entry["loss"])
    print(
        f"best.pt: accuracy {figure(outcome['accuracy'])}, RMSE {figure(outcome['rmse'])} on {outcome['n']} validation images with 0 to 5 "
        f"items; {figure(outcome['accuracy_all'])} over all classes of {outcome['n_all']}"
    )
    return 0


def _train_travel_time(arguments: Sequence[str]) -> int:
    from trainer.training.options import add_settings, settings_from
    from trainer.travel_time.settings import TravelTimeSettings

    parser = argparse.ArgumentParser(
        prog="bintally train --task travel-time",
        description="learn a label of pick lists, such as the time of a worker and a cart, and compare with simpler estimates",
        epilog="example: bintally train --task travel-time --data labels --label cart_s --out runs/hall; stop it with Ctrl-C, go on with --resume",
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders that 'pick label' wrote for one layout")
    parser.add_argument("--label", default="cart_s", help="which of their labels (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for best.pt, last.pt, metrics.jsonl and test.json")
    parser.add_argument("--resume", action="store_true", help="go on where the run in --out stopped")
    parser.add_argument("--json", action="store_true", help="print test.json instead of a table")
    add_settings(parser, TravelTimeSettings)
    options = parser.parse_args(arguments)
    settings = settings_from(options, TravelTimeSettings)

    from bintally.logs import log_to_stderr
    from trainer.travel_time.lists import load
    from trainer.travel_time.report import as_text, judge
    from trainer.travel_time.train import keep_facts
    from trainer.travel_time.train import train as run

    log_to_stderr(logging.INFO)
    data = load(options.data, options.label)
    best = run(data, options.out, settings, options.resume)
    found = judge(best, data, options.out)
    keep_facts(options.out, best, "test", found)
    print((options.out / "test.json").read_text("utf-8").rstrip() if options.json else as_text(found))
    return 0
