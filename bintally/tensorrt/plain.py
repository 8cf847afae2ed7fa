"""A plain engine file, by TensorRT's Python API: strongly typed from TensorRT 10 on, with INT8 and FP16 allowed in 8.6 (JetPack 6.0)."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from bintally.errors import InputError
from bintally.files import write_atomically
from bintally.manifest import Manifest
from bintally.tensorrt.artifact import Profile
from bintally.tensorrt.provider import shape

TIMING_CACHE = "timing.cache"


def build_plain(path: Path, manifest: Manifest, folder: Path, profile: Profile) -> None:
    """Build an engine from a bundle, and the timing cache that makes the next build faster, into ``folder``.

    Whether the file can be loaded, and takes and gives what the bundle does, is checked; its answers are not: they are up to the
    runtime that runs it.

    Raises:
        InputError: TensorRT cannot read or build the graph, or the engine is not what it must be.
        UnavailableError: the disk is full.
    """
    trt = importlib.import_module("tensorrt")
    said: list[str] = []
    logger = _logger(trt, said)
    builder = trt.Builder(logger)
    typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH if typed is None else typed))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(path.read_bytes()):
        raise InputError(
            f"{path}: TensorRT cannot read the graph ({_first([parser.get_error(i).desc() for i in range(parser.num_errors)])})"
        )
    config = builder.create_builder_config()
    if typed is None and manifest.target != "float":
        config.set_flag(trt.BuilderFlag.FP16)
        if manifest.target == "tensorrt":
            config.set_flag(trt.BuilderFlag.INT8)
    shapes = [shape(manifest, batch) for batch in (profile.min, profile.opt, profile.max)]
    batches = builder.create_optimization_profile()
    batches.set_shape("frames", *shapes)
    config.add_optimization_profile(batches)
    config.set_timing_cache(_timing_cache(config, folder / TIMING_CACHE), ignore_mismatch=False)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise InputError(f"{path}: TensorRT cannot build an engine ({_first(said)})")
    content = bytes(plan)
    _check(trt.Runtime(logger).deserialize_cuda_engine(content), shapes, path, said)
    write_atomically(folder / f"{manifest.name}-{manifest.version}.engine", content)
    write_atomically(folder / TIMING_CACHE, bytes(config.get_timing_cache().serialize()))


def _timing_cache(config: Any, path: Path) -> Any:
    """An earlier build's cache, or an empty one where there is none or TensorRT refuses it."""
    earlier = config.create_timing_cache(path.read_bytes()) if path.exists() else None
    return config.create_timing_cache(b"") if earlier is None else earlier


def _check(engine: Any, shapes: list[tuple[int, int, int, int]], path: Path, said: list[str]) -> None:
    if engine is None:
        raise InputError(f"{path}: TensorRT cannot load the engine that it built ({_first(said)})")
    names = sorted(engine.get_tensor_name(i) for i in range(engine.num_io_tensors))
    if names != ["frames", "probabilities"]:
        raise InputError(f"{path}: the engine takes and gives {', '.join(names)}, not frames and probabilities")
    found = [tuple(one) for one in engine.get_tensor_profile_shape("frames", 0)]
    if found != shapes:
        raise InputError(f"{path}: the engine takes frames of {found}, not of {shapes}")


def _logger(trt: Any, said: list[str]) -> Any:
    """A logger that keeps TensorRT's errors."""

    class Logger(trt.ILogger):  # type: ignore[misc]  # ships no types
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                said.append(msg)

    return Logger()


def _first(errors: list[str]) -> str:
    return errors[0].partition("\n")[0][:300] if errors else "it gives no reason"
