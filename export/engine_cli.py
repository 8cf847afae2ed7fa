"""``bintally export engine``."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path


def engine(arguments: Sequence[str]) -> int:
    """build TensorRT engines from a bundle, on the machine that will run them"""
    parser = argparse.ArgumentParser(
        prog="bintally export engine",
        description=f"{engine.__doc__}: the cache of ONNX Runtime's provider, which the agent loads with --engine, and a plain engine file "
        "for other runtimes. Each fits only the GPU and the versions with which it was built.",
        epilog="example: bintally export engine bin-counter-tensorrt.onnx --out engines",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="exported for the target tensorrt, float or float16")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets a folder for each kind")
    parser.add_argument(
        "--kind", nargs="+", choices=("provider", "plain"), default=["provider", "plain"], help="of engine (default: provider plain)"
    )
    parser.add_argument(
        "--batch", type=int, nargs=3, default=(1, 1, 8), metavar=("MIN", "OPT", "MAX"), help="frames at a time (default: 1 1 8)"
    )
    parser.add_argument("--json", action="store_true", help="print the manifests as JSON")
    options = parser.parse_args(arguments)

    from bintally.logs import log_to_stderr
    from bintally.tensorrt.artifact import profile
    from export.engine import build_engines

    log_to_stderr(logging.INFO)
    made = build_engines(options.bundle, options.out, list(dict.fromkeys(options.kind)), profile(*options.batch))
    if options.json:
        print(json.dumps([{"folder": str(folder), **one.model_dump(by_alias=True)} for folder, one in made]))
        return 0
    for folder, one in made:
        size_mb = sum((folder / name).stat().st_size for name in one.files) / 1e6
        loads = "" if one.load_s is None else f", loads in {one.load_s:.1f} s"
        print(f"{folder}: {one.bundle.name} {one.bundle.version}, built in {one.build_s:.0f} s{loads} ({size_mb:.1f} MB)")
        print(f"  for {one.machine}; batches of {one.profile}")
    return 0
