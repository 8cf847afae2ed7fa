"""The training container's entry point: reads what SageMaker put under ``/opt/ml``, runs ``bintally train``, hands the result back.

    python -m deploy.cloud.container train

Source:
    Amazon SageMaker Developer Guide, "How Amazon SageMaker Provides Training Information".
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO

import structlog

from bintally.errors import BintallyError
from bintally.files import make_folder, write_atomically, write_with
from bintally.logs import log_to_stderr
from bintally.signals import stop_on_signal
from deploy.cloud.contract import command, epochs_in, failure_text, job_from
from deploy.cloud.inputs import given_inputs

ROOT = Path("/opt/ml")
TRAIN = (sys.executable, "-m", "bintally.cli", "train")
_METRICS, _LAST, _KEPT = "metrics.jsonl", "last.pt", ("best.pt", "metrics.jsonl")
_LOOK_EVERY_S = 0.5
_GRACE_S = 100.0  # SageMaker kills the container 120 s after SIGTERM, and the model folder must be filled before
_REMEMBERED_LINES = 50
log = structlog.get_logger()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job that is described under the root; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.cloud.container", description="Entry point of the training container.")
    parser.add_argument("what", nargs="?", choices=["train"], help="the word with which SageMaker starts a container")
    parser.add_argument("--root", type=Path, default=ROOT, help="SageMaker's folder (default: %(default)s)")
    root: Path = parser.parse_args(arguments).root
    log_to_stderr(logging.INFO)
    try:
        with stop_on_signal() as stop:
            failure = run(root, stop)
    except BintallyError as error:
        failure = str(error)
    if failure is None:
        return 0
    log.error("failed", reason=failure)
    write_atomically(make_folder(root / "output") / "failure", failure)
    return 1


def run(root: Path, stop: threading.Event, program: Sequence[str] = TRAIN) -> str | None:
    """Train, report each epoch, and put the best checkpoint into the model folder, also when the training is stopped.

    Args:
        root: SageMaker's folder.
        stop: set when SageMaker wants its machine back.
        program: that trains; in front of it goes ``torchrun`` where several processes share the work.

    Returns:
        Why the training failed, in at most 1,024 characters; None if it did not.

    Raises:
        InputError: SageMaker's files do not describe a job that can be run.
        UnavailableError: the disk is full.
    """
    job = job_from(root / "input" / "config", os.environ)
    out = make_folder(root / "checkpoints" / job.folder)
    with tempfile.TemporaryDirectory(prefix="bintally-") as scratch:
        inputs = given_inputs(job, root / "input" / "data", Path(scratch))
        words = command(job, inputs, out, gpus(), program, resume=(out / _LAST).exists())
        log.info("starting", command=" ".join(words))
        code, said = _train(words, os.environ | job.environment(), out, stop)
    for name in _KEPT:
        if job.leads and (out / name).exists():
            write_with(make_folder(root / "model") / name, partial(shutil.copyfile, out / name))
    if stop.is_set():
        log.info("stopped", exit_code=code, resume="a job with the same checkpoints goes on")
        return None
    if code:
        return failure_text(said, code)
    if job.leads and (losses := epochs_in(out / _METRICS)):
        _report(min(losses))  # a tuning job takes the last value, and the model that is handed back is the best epoch's
    return None


def gpus() -> int:
    """How many GPUs this machine has; SM_NUM_GPUS overrides what ``nvidia-smi`` says."""
    told = os.environ.get("SM_NUM_GPUS", "")
    if told.isdigit():
        return int(told)
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True)  # noqa: S607 - the host puts it on the path
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _train(words: Sequence[str], environment: dict[str, str], out: Path, stop: threading.Event) -> tuple[int, list[str]]:
    """Run the child to its end: its exit code and the last lines of its standard error."""
    reported = len(epochs_in(out / _METRICS))
    child = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True, errors="replace")  # noqa: S603 - our own program
    said: deque[str] = deque(maxlen=_REMEMBERED_LINES)
    reader = threading.Thread(target=_pass_on, args=(child.stderr, said), name="stderr", daemon=True)
    reader.start()
    try:
        while child.poll() is None:
            if stop.wait(_LOOK_EVERY_S):
                child.terminate()  # it saves its checkpoint
                child.wait(_GRACE_S)
            reported = _report_new(out, reported)
    except subprocess.TimeoutExpired:
        log.warning("killed", reason=f"did not stop within {_GRACE_S:.0f} s")
    finally:
        child.kill()
        child.wait()
    reader.join()
    _report_new(out, reported)
    return child.returncode, list(said)


def _pass_on(stream: IO[str], said: deque[str]) -> None:
    for line in stream:
        sys.stderr.write(line)
        sys.stderr.flush()
        said.append(line.rstrip())


def _report_new(out: Path, reported: int) -> int:
    losses = epochs_in(out / _METRICS)
    for loss in losses[reported:]:
        _report(loss)
    return max(reported, len(losses))


def _report(loss: float) -> None:
    print(f"Testing Loss: {loss:.6f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
