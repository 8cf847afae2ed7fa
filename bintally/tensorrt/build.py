"""Build an engine beside its final place, try it, and only then put it there."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from pydantic import ValidationError

from bintally import errors
from bintally.bundle import read_manifest
from bintally.errors import BintallyError, InputError, UnavailableError
from bintally.files import make_folder, sync, write_atomically
from bintally.manifest import Manifest
from bintally.tensorrt.artifact import (
    EngineManifest,
    Kind,
    Origin,
    Profile,
    digests,
    read_engine,
    refuse_bundle,
    require_engine,
    write_manifest,
)
from bintally.tensorrt.machine import Machine
from bintally.tensorrt.plain import TIMING_CACHE
from bintally.tensorrt.worker import Answer, Request

log = structlog.get_logger()

REPORT_EVERY_S = 10.0


def ensure_engine(
    kind: Kind, path: Path, folder: Path, profile: Profile, machine: Machine, every_s: float = REPORT_EVERY_S
) -> EngineManifest:
    """The engine in ``folder``, built now where none is there that is whole and made from this bundle for this machine and profile.

    Args:
        kind: for ONNX Runtime's provider, or plain.
        path: the bundle.
        folder: of the engine; what is there and does not fit is replaced.
        profile: batch sizes.
        machine: this one.
        every_s: seconds from one report of a running build to the next.

    Raises:
        InputError: the bundle is not for TensorRT, or TensorRT refuses it.
        UsageError: the profile does not suit the bundle.
        UnavailableError: the disk is full, another process builds there, or TensorRT crashed.
    """
    manifest = read_manifest(path)
    refuse_bundle(manifest, profile)
    try:
        made = require_engine(folder, kind, manifest, machine)
    except InputError as error:
        log.info("an engine must be built", reason=str(error) if folder.exists() else "there is none yet")
    else:
        if made.profile == profile:
            log.info("engine is there", folder=str(folder), machine=str(machine))
            return made
        log.info("an engine must be built", reason=f"{folder}: made for batches of {made.profile}, not of {profile}")
    make_folder(folder.parent)
    with _held(folder.parent):
        return _build(kind, path, manifest, folder, profile, machine, every_s)


def _build(kind: Kind, path: Path, manifest: Manifest, folder: Path, profile: Profile, machine: Machine, every_s: float) -> EngineManifest:
    part = folder.with_name(f".{folder.name}.part")
    _remove(part)
    make_folder(part)
    try:
        _seed_timing_cache(part, folder, kind, machine)
        request = Request(kind=kind, bundle=path.absolute(), folder=part.absolute(), profile=profile)
        log.info("building an engine; this takes minutes", kind=kind, bundle=f"{manifest.name} {manifest.version}", machine=str(machine))
        build_s = _work(request, every_s)
        files = digests(part)
        if not any(name.endswith(".engine") for name in files):
            raise InputError(f"{path}: ONNX Runtime gave no part of the graph to TensorRT; run: bintally export check --target tensorrt")
        load_s = None if kind == "plain" else _tried(request, every_s)
        if digests(part) != files:
            raise InputError(f"{path}: ONNX Runtime does not take the engine that it built, and builds another at each start")
        made = EngineManifest(
            kind=kind, bundle=Origin.of(manifest), machine=machine, profile=profile, build_s=build_s, load_s=load_s, files=files
        )
        _publish(part, folder, made)
    finally:
        _remove(part)
    log.info("engine is built", folder=str(folder), seconds=round(build_s, 1))
    return made


def _tried(request: Request, every_s: float) -> float:
    """Seconds that a new process takes to open the bundle with the engine that was just built."""
    try:
        return _work(request, every_s)
    except InputError as error:
        raise UnavailableError(f"the engine that was just built cannot be loaded; is the disk full? {error}") from error


def _work(request: Request, every_s: float) -> float:
    """Seconds that the worker took, with a report every so often."""
    command = [sys.executable, "-m", "bintally.tensorrt.worker", request.model_dump_json(), str(os.getpid())]
    started = time.monotonic()
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as worker:  # noqa: S603 - our own
        try:
            while True:
                try:
                    output, _ = worker.communicate(timeout=every_s)
                    break
                except subprocess.TimeoutExpired:
                    log.info("still building", seconds=round(time.monotonic() - started))
        except BaseException:
            worker.kill()
            raise
        said.seek(0)
        return _seconds(output, worker.returncode, said.read().decode(errors="replace"))


def _seconds(output: bytes, code: int, said: str) -> float:
    try:
        answer = Answer.model_validate_json(output)
    except ValidationError as error:
        end = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        last = (said.strip().splitlines() or ["it said nothing"])[-1][:300]
        raise UnavailableError(
            f"the building process ended with {end} ({last}); is there enough memory, and nothing else on the GPU?"
        ) from error
    if answer.error is not None:
        name, text = answer.error
        raise getattr(errors, name)(text)
    return answer.seconds or 0.0


def _seed_timing_cache(part: Path, folder: Path, kind: Kind, machine: Machine) -> None:
    """Begin with the timings of an engine that was built here before, for instance from an older bundle: minutes become seconds."""
    for other in sorted(folder.parent.iterdir()):
        try:
            made = read_engine(other, kind)
        except BintallyError:
            continue
        if made.machine == machine:
            for name in made.files:
                if name == TIMING_CACHE or name.endswith(".timing"):
                    write_atomically(part / name, (other / name).read_bytes())
            return


def _publish(part: Path, folder: Path, made: EngineManifest) -> None:
    try:
        for path in (*part.iterdir(), part):
            sync(path)
        write_manifest(part, made)
        _remove(folder)
        part.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise UnavailableError(f"{folder}: cannot be written ({error.strerror or error}); free space or choose another folder") from error


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UnavailableError(f"{folder}: cannot be replaced ({error.strerror or error}); choose another folder") from error


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other builders out of a folder; the lock goes with the process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnavailableError(f"{folder}: another process builds an engine there; wait for it") from error
        yield
    finally:
        os.close(handle)
