"""``bintally agent`` and ``bintally count``."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def agent(arguments: Sequence[str]) -> int:
    """run the station's agent: count what the camera sees and publish it over MQTT"""
    parser = argparse.ArgumentParser(prog="bintally agent", description=agent.__doc__)
    commands = parser.add_subparsers(required=True, metavar="run | doctor")
    run_parser = commands.add_parser(
        "run",
        help="count and publish until stopped",
        description="Count and publish until stopped. Every option is a setting: also BINTALLY_<NAME> in the environment, or <name> in a TOML file.",
        epilog="example: bintally agent run --source 0 --broker mqtt://127.0.0.1:1883 --site berlin --station pick-3 --page 127.0.0.1:8480",
    )
    run_parser.add_argument(
        "--once", action="store_true", help="count each image of a folder one time, wait for the acknowledgements, exit"
    )
    doctor_parser = commands.add_parser(
        "doctor",
        help="check camera, broker, model, disk and all else that a station needs, and say what to do",
        description="Check everything that the agent would use with these settings; nothing is published, nothing is changed.",
        epilog="example: bintally agent doctor --config station.toml",
    )
    doctor_parser.add_argument("--json", action="store_true", help="one JSON object")
    for chosen, command in ((run_parser, _run), (doctor_parser, _doctor)):
        _add_settings(chosen)
        chosen.set_defaults(command=command)
    options = vars(parser.parse_args(arguments))
    chosen_command: Callable[[dict[str, Any]], int] = options.pop("command")
    return chosen_command(options)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    from agent.settings import AgentSettings

    for name, field in AgentSettings.model_fields.items():
        shown = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        default = "" if field.is_required() or field.default in (None, (), False) else f" (default: {shown})"
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=name.upper(), help=f"{field.description}{default}".replace("%", "%%"))
    parser.add_argument("--config", metavar="FILE", help="TOML file with settings")


def _run(options: dict[str, Any]) -> int:
    once = options.pop("once")

    from agent.run import run
    from agent.settings import AgentSettings
    from bintally.logs import log_to_stderr
    from bintally.settings import read_settings

    settings = read_settings(AgentSettings, options)
    log_to_stderr(logging.INFO, as_json=settings.log_json)
    summary = run(settings, once)
    acknowledged = "all acknowledged"
    if summary.waiting:
        acknowledged = f"{summary.waiting} wait for an acknowledgement in {settings.state_dir} and go out at the next start"
    print(f"{'stopped: ' if summary.stopped else ''}counted {summary.counted}, {acknowledged}")
    if summary.refused:
        print(f"bintally agent: {summary.refused} images could not be counted; first: {summary.first_refusal}", file=sys.stderr)
    if once and summary.stopped:
        return 130
    return 1 if summary.refused and not summary.stopped else 0


def _doctor(options: dict[str, Any]) -> int:
    as_json = options.pop("json")

    from agent.doctor.doctor import doctor
    from agent.settings import AgentSettings
    from bintally.logs import log_to_stderr
    from bintally.settings import read_settings

    log_to_stderr(logging.ERROR)
    return doctor(read_settings(AgentSettings, options), as_json)


def count(arguments: Sequence[str]) -> int:
    """count image files, without any broker"""
    parser = argparse.ArgumentParser(prog="bintally count", description=count.__doc__, epilog="example: bintally count bin-1.jpg bin-2.jpg")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="image files")
    parser.add_argument("--bundle", type=Path, help="the counter; the shipped one by default")
    parser.add_argument("--threads", type=int, default=0, help="for one frame; 0: one a core")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(arguments)

    from agent.counting.counter import FrameCounter
    from bintally.bundle import DEFAULT_BUNDLE, open_bundle
    from bintally.errors import InputError
    from bintally.frames import read_frame

    counter = FrameCounter(open_bundle(options.bundle or DEFAULT_BUNDLE, threads=options.threads))
    width = max(5, *(len(str(path)) for path in options.images))
    if not options.json:
        print(f"{'image':<{width}}  {'count':<9}  confidence  {'ms':>6}")
    failed = False
    for path in options.images:
        try:
            counted = counter.count(read_frame(path))
        except InputError as error:
            print(f"bintally count: {error}", file=sys.stderr)
            failed = True
            continue
        decision = counted.decision
        if options.json:
            answer = {"file": str(path), **vars(decision), "probabilities": counted.probabilities, "frame_ms": round(counted.frame_ms, 2)}
            print(json.dumps(answer))
        else:
            print(f"{path!s:<{width}}  {decision.words():<9}  {decision.confidence:>10.0%}  {counted.frame_ms:>6.1f}")
    return 1 if failed else 0
