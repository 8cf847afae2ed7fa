"""ONNX Runtime's TensorRT provider and its engine cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bintally.bundle import Bundle, Provider, open_bundle
from bintally.errors import InputError, UnavailableError
from bintally.manifest import Manifest
from bintally.tensorrt.artifact import EngineManifest, Profile, digests
from bintally.tensorrt.machine import PROVIDER, preload

_HALF = {"tensorrt": True, "float": False, "float16": True}
"""Targets whose layers may compute in 16 bits; what the Q/DQ pairs mark computes in 8 bits in any case."""


def shape(manifest: Manifest, batch: int) -> tuple[int, int, int, int]:
    """Of the input ``frames`` for so many frames."""
    return batch, manifest.input.height, manifest.input.width, 3


def options(manifest: Manifest, folder: Path, profile: Profile) -> dict[str, str]:
    """The provider's options, with which it builds into ``folder`` what it does not find there.

    Without FP16 and INT8 the provider makes a strongly typed network (from TensorRT 10 on), which computes as the graph says. INT8 comes
    with FP16: the layers without Q/DQ pairs would else compute in 32 bits.

    Source: ONNX Runtime, «TensorRT Execution Provider», configurations; boolean values must read True or False.
    """
    sizes = {"min": profile.min, "opt": profile.opt, "max": profile.max}
    return {
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(folder),
        "trt_fp16_enable": str(_HALF[manifest.target]),
        "trt_int8_enable": str(manifest.target == "tensorrt"),
        **{f"trt_profile_{name}_shapes": "frames:" + "x".join(map(str, shape(manifest, size))) for name, size in sizes.items()},
    }


def open_with_cache(
    path: Path, manifest: Manifest, folder: Path, profile: Profile, others: Sequence[Provider] = (), threads: int = 0
) -> Bundle:
    """Open a bundle with the engine cache in ``folder``; where this holds no fitting engine, that builds one, for minutes.

    Raises:
        InputError: the provider cannot run the graph, or its golden answers are others than they must be.
        UnavailableError: the provider did not load.
    """
    preload()
    try:
        bundle = open_bundle(path, [(PROVIDER, options(manifest, folder, profile)), *others], threads)
    except InputError as error:
        raise InputError(f"with TensorRT: {error} (see also: bintally export check --target tensorrt)") from error
    if PROVIDER not in bundle.providers:
        raise UnavailableError(
            "ONNX Runtime could not load its TensorRT provider, and would count with "
            f"{bundle.providers[0]}; check that CUDA, cuDNN and TensorRT are those that ONNX Runtime was built for"
        )
    return bundle


def open_engine(
    path: Path, manifest: Manifest, folder: Path, made: EngineManifest, others: Sequence[Provider] = (), threads: int = 0
) -> Bundle:
    """Open a bundle with an engine that was built before, and see that nothing was built again.

    Raises:
        InputError: see ``open_with_cache``; or ONNX Runtime did not take the engine.
        UnavailableError: the provider did not load.
    """
    bundle = open_with_cache(path, manifest, folder, made.profile, others, threads)
    if digests(folder) != made.files:
        raise InputError(f"{folder}: ONNX Runtime did not take this engine and built another; build it again with 'bintally export engine'")
    return bundle
