"""``bintally export``."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path


def export(arguments: Sequence[str]) -> int:
    """turn a checkpoint into a quantized bundle"""
    from export.bundle import ExportSettings, export_bundle

    defaults = ExportSettings()
    parser = argparse.ArgumentParser(
        prog="bintally export",
        description=f"{export.__doc__}; refuses to write one that counts noticeably worse",
        epilog="example: bintally export runs/first/best.pt --data prepared --out bundle.onnx",
    )
    parser.add_argument("checkpoint", type=Path, nargs="+", metavar="CHECKPOINT", help="several of one lineage are averaged")
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="what it was trained on: folders in ABID's layout or prepared ones"
    )
    parser.add_argument("--out", type=Path, required=True, help="the bundle's file, ending with .onnx")
    parser.add_argument("--name", default=defaults.name, help="(default: %(default)s)")
    parser.add_argument("--version", default=defaults.version, help="semantic version (default: %(default)s)")
    parser.add_argument("--input-size", type=int, help="side of the frames in pixels (default: the checkpoint's)")
    parser.add_argument(
        "--calibration", type=int, default=defaults.calibration, help="training frames for the ranges (default: %(default)s)"
    )
    parser.add_argument(
        "--most-lost", type=float, default=defaults.most_lost, help="accuracy that quantization may cost (default: %(default)s)"
    )
    parser.add_argument(
        "--promised", type=float, default=defaults.promised, help="accuracy above the abstain threshold (default: %(default)s)"
    )
    parser.add_argument("--licence", default=defaults.licence, help="terms of the bundle (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the manifest's figures as JSON")
    options = vars(parser.parse_args(arguments))

    from bintally.logs import log_to_stderr
    from trainer.data.prepare import load
    from trainer.evaluation.evaluate import figure

    log_to_stderr(logging.INFO)
    checkpoint, folders, out, as_json = (options.pop(name) for name in ("checkpoint", "data", "out", "json"))
    manifest = export_bundle(checkpoint, [load(folder) for folder in folders], out, ExportSettings(**options))
    if as_json:
        print(json.dumps([figures.model_dump() for figures in manifest.measured]))
        return 0
    print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB); unsure below {manifest.abstain_below:.2f}")
    for figures in manifest.measured:
        found = figures.scores
        print(
            f"  {figures.data:<12} {figures.precision:<8} accuracy {figure(found['accuracy'])}  RMSE {figure(found['rmse'])}  all classes {figure(found['accuracy_all'])}"
        )
    return 0
