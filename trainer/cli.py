"""``bintally train``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any


def train(arguments: Sequence[str]) -> int:
    """fine-tune ResNet50 to count"""
    from trainer.settings import TrainSettings

    parser = argparse.ArgumentParser(
        prog="bintally train",
        description=train.__doc__,
        epilog="example: bintally train --data prepared --out runs/first --weights resnet50.pth; stop it with Ctrl-C, go on with --resume",
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders that 'data prepare' wrote, or in ABID's layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for best.pt and last.pt")
    parser.add_argument(
        "--weights",
        type=Path,
        help="ImageNet weights (state dict of torchvision's resnet50); torchvision's own by default",
    )
    parser.add_argument(
        "--begin", type=Path, nargs="+", default=(), metavar="CHECKPOINT", help="begin with these checkpoints' average instead"
    )
    parser.add_argument("--resume", action="store_true", help="go on where the run in --out stopped")
    parser.add_argument("--workers", type=int, default=1, help="processes that read frames (default: %(default)s)")
    defaults = TrainSettings()
    for field in fields(TrainSettings):
        value = getattr(defaults, field.name)
        several = isinstance(value, tuple)
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=type(value[0] if several else value),
            nargs="+" if several else None,
            default=value,
            help=f"{field.metadata['help']} (default: %(default)s)",
        )
    options = vars(parser.parse_args(arguments))

    from bintally.logs import log_to_stderr
    from trainer.data.prepare import load
    from trainer.evaluation.evaluate import figure
    from trainer.train import train as run

    log_to_stderr(logging.INFO)
    given: dict[str, Any] = {field.name: options[field.name] for field in fields(TrainSettings)}
    chosen: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    settings = TrainSettings(**chosen)
    sets = [load(folder) for folder in options["data"]]
    best = run(sets, options["out"], settings, options["weights"], options["resume"], options["workers"], begin=options["begin"])
    outcome = min(best.facts["validation"], key=lambda entry: entry["loss"])
    print(
        f"best.pt: accuracy {figure(outcome['accuracy'])}, RMSE {figure(outcome['rmse'])} on {outcome['n']} validation images with 0 to 5 "
        f"items; {figure(outcome['accuracy_all'])} over all classes of {outcome['n_all']}"
    )
    return 0
