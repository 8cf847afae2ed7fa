"""``bintally export bench``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.benchmark.measure import Result


def bench(arguments: Sequence[str]) -> int:
    """measure bundles side by side: latency, throughput, memory, cold start"""
    cores = os.cpu_count() or 1
    parser = argparse.ArgumentParser(
        prog="bintally export bench",
        description=f"{bench.__doc__}; on every execution provider that is here, beside float32, and beside OpenVINO where it is installed",
        epilog="example: bintally export bench bundles/*.onnx --threads 2 1 --plot bench.png",
    )
    add = parser.add_argument
    add("bundle", type=Path, nargs="+", metavar="BUNDLE", help="bundles that take frames of one size")
    add("--threads", type=int, nargs="+", default=sorted({cores, 1}, reverse=True), help="latency uses the first (default: %(default)s)")
    add("--batches", type=int, nargs="+", default=[1, 4, 16], help="for the throughput (default: %(default)s)")
    add("--rounds", type=int, default=12, help="turns of each for its latency, eight calls each (default: %(default)s)")
    add("--no-float", action="store_true", help="leave out the float32 network inside a quantized bundle")
    add("--openvino", action=argparse.BooleanOptionalAction, default=None, help="as a yardstick (default: where it is installed)")
    add("--plot", type=Path, help="draw a .png or .svg picture")
    add("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args(arguments)

    import platform
    from datetime import datetime, timezone

    import onnxruntime as ort

    from bintally.errors import UsageError
    from export.benchmark.contenders import contenders, has_openvino
    from export.benchmark.measure import as_dict, measure

    if min(*options.threads, *options.batches, options.rounds) < 1:
        raise UsageError("--threads, --batches and --rounds must be 1 or more")
    if options.plot and options.plot.suffix not in (".png", ".svg"):
        raise UsageError(f"--plot {options.plot}: a picture's name ends with .png or .svg")
    openvino = has_openvino() if options.openvino is None else options.openvino
    several = contenders(options.bundle, not options.no_float, openvino)
    results = measure(several, options.threads, options.batches, options.rounds, lambda text: print(text, file=sys.stderr))
    where = f"{platform.machine()}, {cores} cores, ONNX Runtime {ort.__version__}, {datetime.now(timezone.utc).date()}"
    if options.plot:
        from export.benchmark.plot import plot

        plot(results, options.plot, f"{where}, latency with {options.threads[0]} threads")
    print(json.dumps({"where": where, "results": [as_dict(one) for one in results]}) if options.json else _table(results, where))
    return 0


def _table(results: Sequence[Result], where: str) -> str:
    width = max(len(one.contender.name) for one in results)
    head = (
        f"{'':<{width}}  {'MB':>6} {'median':>7} {'p90':>6} {'p99':>6} ms  {'start':>6} s {'memory':>7} MB  frames a second: threads×batch"
    )
    lines = [where, head]
    for one in results:
        rates = "  ".join(f"{threads}×{batch}: {rate:.0f}" for threads, batch, rate in one.throughput)
        lines.append(
            f"{one.contender.name:<{width}}  {one.megabytes:>6.1f} {one.latency.median:>7.1f} {one.latency.p90:>6.1f} {one.latency.p99:>6.1f}     "
            f"{one.start.first_answer_s:>6.2f}   {one.start.peak_mb:>7.0f}     {rates}"
        )
    return "\n".join(lines)
