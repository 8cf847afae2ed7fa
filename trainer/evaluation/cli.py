"""``bintally evaluate``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path


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

    from trainer.evaluation.evaluate import as_table, evaluate_model

    outcome = evaluate_model(options.model, options.data, options.split)
    print(json.dumps(outcome) if options.json else as_table(outcome))
    return 0
