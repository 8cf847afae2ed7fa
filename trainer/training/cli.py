"""``bintally train``."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from bintally.errors import UsageError


def train(arguments: Sequence[str]) -> int:
    """fine-tune a counter"""
    from trainer.training.options import add_settings, settings_from

    parser = argparse.ArgumentParser(
        prog="bintally train",
        description=f"{train.__doc__}; several processes share the work under 'torchrun -m bintally.cli train …'",
        epilog="example: bintally train --data prepared --out runs/first --weights resnet50.pth; stop it with Ctrl-C, go on with --resume",
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders that 'data prepare' wrote, or in ABID's layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for best.pt, last.pt, metrics.jsonl and TensorBoard's curves")
    parser.add_argument("--weights", type=Path, help="ImageNet weights (state dict of torchvision's model); torchvision's own by default")
    parser.add_argument(
        "--begin", type=Path, nargs="+", default=(), metavar="CHECKPOINT", help="begin with these checkpoints' average instead"
    )
    parser.add_argument("--resume", action="store_true", help="go on where the run in --out stopped")
    parser.add_argument("--cache", type=Path, help="folder for decoded frames (default: bintally/frames in the user's cache folder)")
    parser.add_argument("--profile", type=Path, metavar="TRACE", help="record a few steps for Chrome's trace viewer or Perfetto")
    add_settings(parser)
    options = parser.parse_args(arguments)
    settings = settings_from(options)
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
