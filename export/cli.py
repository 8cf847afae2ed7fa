"""``bintally export`` and the commands below it."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.bundle import Exported


def export(arguments: Sequence[str]) -> int:
    """turn a checkpoint into quantized bundles, proven equal to it"""
    if arguments and arguments[0] in _COMMANDS:
        return _COMMANDS[arguments[0]](arguments[1:])
    parser = _parser()
    options = vars(parser.parse_args(arguments))

    from bintally.errors import InputError
    from bintally.logs import log_to_stderr
    from export.bundle import export_bundles, places
    from export.proof import Limits
    from export.report import write_report
    from export.settings import ExportSettings
    from export.travel_time import cli as travel_time
    from trainer.data.prepare import load
    from trainer.evaluation.report import check_place

    log_to_stderr(logging.INFO)
    if travel_time.takes(options["checkpoint"][0]):
        return travel_time.export(options, [name for name, value in options.items() if value != parser.get_default(name)])
    options["name"] = options["name"] or ExportSettings.name
    checkpoint, folders, out, targets, report, as_json = (
        options.pop(name) for name in ("checkpoint", "data", "out", "target", "report", "json")
    )
    limits = Limits(lost=options.pop("most_lost"), rmse=options.pop("most_rmse"), agreement=options.pop("agreement"))
    settings = ExportSettings(**options, limits=limits)
    bundles = places(out, targets, settings)
    if report:
        check_place(report)
    exported = export_bundles(checkpoint, [load(folder) for folder in folders], bundles, settings)
    if report:
        from datetime import datetime, timezone

        write_report(report, exported, settings, datetime.now(timezone.utc).date().isoformat())
    if exported.failed:
        raise InputError(f"no bundle was written: {exported.failed}; try more --calibration frames or --fine-tune steps")
    print(_as_json(exported) if as_json else _as_text(exported))
    return 0


def check(arguments: Sequence[str]) -> int:
    """prove that a graph keeps the rules of a target's compiler, on any machine"""
    parser = argparse.ArgumentParser(
        prog="bintally export check",
        description=check.__doc__,
        epilog="example: bintally export check bin-counter-1.0.0-tensorrt.onnx --target tensorrt",
    )
    parser.add_argument("graph", type=Path, nargs="+", metavar="BUNDLE", help="bundles, or any ONNX files")
    parser.add_argument("--target", choices=["tensorrt"], default="tensorrt", help="whose rules (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    options = parser.parse_args(arguments)

    from dataclasses import asdict

    from export.rules import findings, read_graph

    found = {str(path): findings(read_graph(path)) for path in options.graph}
    if options.json:
        print(json.dumps({path: [asdict(one) for one in all_of_it] for path, all_of_it in found.items()}))
    else:
        for path, all_of_it in found.items():
            print(f"{path}: {f'{len(all_of_it)} findings' if all_of_it else 'keeps all rules of explicit quantization'}")
            for one in all_of_it:
                print(f"  {one.rule:<18} {one.node}: {one.text}")
    return 1 if any(found.values()) else 0


def bench(arguments: Sequence[str]) -> int:
    """measure bundles side by side: latency, throughput, memory, cold start"""
    from export.benchmark.cli import bench as run

    return run(arguments)


def engine(arguments: Sequence[str]) -> int:
    """build TensorRT engines of a bundle, for this machine"""
    from export.engine_cli import engine as run

    return run(arguments)


_COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = MappingProxyType({"bench": bench, "check": check, "engine": engine})


def _parser() -> argparse.ArgumentParser:
    from export.settings import ExportSettings
    from export.targets import TARGETS

    defaults = ExportSettings()
    commands = "\n".join(f"  bintally export {name:<8}{command.__doc__}" for name, command in _COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="bintally export",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"{export.__doc__}; writes none that counts noticeably worse\n\n"
        "A checkpoint of the task travel-time takes --data, --out, --name, --version, --licence and --json only.",
        epilog=f"further commands:\n{commands}\n\nexamples: bintally export runs/first/best.pt --data prepared --target cpu arm --out bundles --report export.html"
        "\n          bintally export runs/hall/best.pt --data labels/hall --out travel.onnx",
    )
    add = parser.add_argument
    add("checkpoint", type=Path, nargs="+", metavar="CHECKPOINT", help="several of one lineage are averaged")
    add(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        help="what it was trained on: folders in ABID's layout or prepared ones; of labelled lists",
    )
    add("--target", nargs="+", default=["cpu"], metavar="TARGET", help=f"devices, of {', '.join(TARGETS)} (default: cpu)")
    add("--out", type=Path, required=True, help="a folder for the bundles; or, for one target, a file ending with .onnx")
    add("--report", type=Path, metavar="HTML", help="write a page that shows the proof, also where a gate fails")
    add("--name", help=f"(default: {defaults.name}, or travel-time)")
    add("--version", default=defaults.version, help="semantic version (default: %(default)s)")
    add("--input-size", type=int, help="side of the frames in pixels (default: the checkpoint's)")
    add("--calibration", type=int, default=defaults.calibration, help="training frames for the ranges (default: %(default)s)")
    add(
        "--fine-tune",
        type=int,
        default=defaults.fine_tune,
        metavar="STEPS",
        help="of quantization-aware fine-tuning where a gate fails; 0 for none (default: %(default)s)",
    )
    limits = defaults.limits
    add("--most-lost", type=float, default=limits.lost, help="accuracy that may be lost: its 95 %% bound (default: %(default)s)")
    add("--most-rmse", type=float, default=limits.rmse, help="items by which the RMSE may move (default: %(default)s)")
    add("--agreement", type=float, default=limits.agreement, help="share of frames with the same decision (default: %(default)s)")
    add("--promised", type=float, default=defaults.promised, help="accuracy above the abstain threshold (default: %(default)s)")
    add("--licence", default=defaults.licence, help="terms of the bundles (default: %(default)s)")
    add("--json", action="store_true", help="print the bundles with their proofs as JSON")
    return parser


def _as_json(exported: Exported) -> str:
    return json.dumps(
        {one.target.name: {"path": str(exported.written[one.target.name]), "proof": one.proof.model_dump()} for one in exported.judged}
    )


def _as_text(exported: Exported) -> str:
    from trainer.evaluation.evaluate import figure

    lines = [f"{len(exported.source.frames)} frames, accuracy with 0 to 5 items and RMSE of the checkpoint and of each bundle:"]
    for one in exported.judged:
        path, proof = exported.written[one.target.name], one.proof
        lines.append(
            f"  {one.target.name:<9} {figure(proof.before['accuracy'])} → {figure(proof.after['accuracy'])}  "
            f"RMSE {figure(proof.before['rmse'])} → {figure(proof.after['rmse'])}  same decision {100 * proof.agreement:.1f} %  "
            f"{path.stat().st_size / 1e6:.1f} MB  {path}"
        )
    return "\n".join(lines)
