"""``bintally data``, ``bintally train`` and ``bintally evaluate``."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any


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

    from trainer.data import REPORT, SPLIT_SEED, prepare, report

    prepared = prepare(options.folder, options.out, SPLIT_SEED if options.seed is None else options.seed)
    if options.json:
        print(json.dumps(report(prepared)))
        return 0
    for part in ("train", "val", "test"):
        print(f"{part:<6} {len(prepared.part(part)):>7} images")
    print(f"refused {len(prepared.refused):>6} files" + (f"; each with its reason in {options.out / REPORT}" if prepared.refused else ""))
    return 0


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
    from trainer.data import load
    from trainer.evaluate import figure
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


def evaluate(arguments: Sequence[str]) -> int:
    """score a checkpoint or a bundle"""
    parser = argparse.ArgumentParser(
        prog="bintally evaluate",
        description=f"{evaluate.__doc__}: accuracy and RMSE as the ABID challenge defines them, and over all classes",
        epilog="example: bintally evaluate bundle.onnx --data abid --split test",
    )
    parser.add_argument("model", metavar="MODEL", help="a checkpoint (.pt) or a bundle (.onnx); 'default' for the shipped bundle")
    parser.add_argument("--data", type=Path, required=True, help="a folder in ABID's layout, or one that 'data prepare' wrote")
    parser.add_argument("--split", choices=("train", "val", "test", "all"), default="test", help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)

    from trainer.evaluate import as_table, evaluate_model

    outcome = evaluate_model(options.model, options.data, options.split)
    print(json.dumps(outcome) if options.json else as_table(outcome))
    return 0
