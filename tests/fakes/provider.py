"""ONNX Runtime with a TensorRT provider that needs no GPU: the engine cache is handled as the real one does, the CPU computes.

What the real provider is known for is kept: it writes its cache in place; the name of an engine does not depend on the weights;
with a matching profile it loads whatever engine has the name; a batch outside the profile fails; boolean options that do not
read True or False are refused; a dynamic input without a profile is refused.
The environment steers it in child processes: ``FAKE_BUILD_S`` seconds to build, ``FAKE_PROVIDER_FAILS`` what goes wrong.

Source: onnxruntime/core/providers/tensorrt/tensorrt_execution_provider.cc, CreateNodeComputeInfoFromGraph.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest

NAME = "TensorrtExecutionProvider"
MARK = b"fake engine\n"
KNOWN = {
    "trt_engine_cache_enable",
    "trt_engine_cache_path",
    "trt_timing_cache_enable",
    "trt_timing_cache_path",
    "trt_fp16_enable",
    "trt_int8_enable",
    "trt_profile_min_shapes",
    "trt_profile_opt_shapes",
    "trt_profile_max_shapes",
}
"""Names that bintally uses; all are among those in the provider's library of ONNX Runtime 1.31."""
_REAL_SESSION = ort.InferenceSession  # before it is replaced


class Session(ort.InferenceSession):  # type: ignore[misc]  # ships no types
    """A session that knows one provider more."""

    def __init__(self, content: bytes, sess_options: Any = None, providers: Any = None, **more: Any) -> None:
        self._fake: dict[str, str] | None = None
        for one in providers or []:
            if one == NAME or one[0] == NAME:
                self._fake = _checked({} if isinstance(one, str) else one[1])
        if self._fake is not None and os.environ.get("FAKE_PROVIDER_FAILS") == "silently":
            self._fake = None
        built = None if self._fake is None else _engine(content, self._fake)
        self._engine = None if built is None else _REAL_SESSION(built, providers=["CPUExecutionProvider"])
        super().__init__(content, sess_options, providers=["CPUExecutionProvider"], **more)

    def get_providers(self) -> list[str]:
        return [*([] if self._fake is None else [NAME]), *super().get_providers()]

    def run(self, names: Any, inputs: Any, *more: Any) -> Any:
        if self._fake is not None:
            low, high = (int(self._fake[f"trt_profile_{end}_shapes"].partition(":")[2].partition("x")[0]) for end in ("min", "max"))
            if not low <= len(inputs["frames"]) <= high:
                raise RuntimeError("TensorRT EP failed to call nvinfer1::IExecutionContext::setInputShape() for input 'frames'")
        return super().run(names, inputs, *more) if self._engine is None else self._engine.run(names, inputs, *more)


def _checked(options: dict[str, str]) -> dict[str, str]:
    if options.keys() != KNOWN:
        raise RuntimeError(f"Invalid TensorRT EP options: {sorted(options.keys() ^ KNOWN)}")
    for name in KNOWN:
        if name.endswith("_enable") and options[name] not in ("True", "False"):
            raise RuntimeError(f"[ERROR] [TensorRT] The value for the key '{name}' should be 'True' or 'False'.")
    return options


def _engine(content: bytes, options: dict[str, str]) -> bytes:
    """The graph that runs: that of the engine in the cache, where there is one for the profile; else a new one."""
    folder = Path(options["trt_engine_cache_path"])
    kind = ("_fp16" if options["trt_fp16_enable"] == "True" else "") + ("_int8" if options["trt_int8_enable"] == "True" else "")
    engine = folder / f"TensorrtExecutionProvider_TRTKernel_graph_grey_1234567890_0_0{kind}_sm87.engine"
    shapes = repr(sorted((name, value) for name, value in options.items() if "profile" in name))
    profile = engine.with_suffix(".profile")
    if profile.exists() and profile.read_text() == shapes and engine.exists():
        found = engine.read_bytes()
        if not found.startswith(MARK):
            raise RuntimeError(f"TensorRT EP could not deserialize engine from cache: {engine}")
        return found.removeprefix(MARK)
    _build(content, engine, profile, shapes)
    return content


def _build(content: bytes, engine: Path, profile: Path, shapes: str) -> None:
    failure = os.environ.get("FAKE_PROVIDER_FAILS")
    if failure == "parts":
        place = "/onnxruntime_src/onnxruntime/core/ep.cc:729 void onnxruntime::f(Options&, const onnxruntime::Map&)"
        raise RuntimeError(
            f"{place} User needs to provide all the dynamic shape inputs with associated profiles\nFollowing input(s): permute"
        )
    if failure == "nothing":
        return
    timing = engine.parent / "TensorrtExecutionProvider_cache_sm87.timing"
    known = timing.read_bytes() if timing.exists() else b""
    half = MARK + content[: len(content) // 2]
    engine.write_bytes(half)
    time.sleep(0.0 if known else float(os.environ.get("FAKE_BUILD_S", "0")))
    if failure == "crash":
        os.abort()
    profile.write_text(shapes)
    engine.write_bytes(b"" if failure == "disk" else MARK + content)
    timing.write_bytes(known + b"timing\n")


def install(patch: pytest.MonkeyPatch | None = None) -> None:
    """Put the provider into ONNX Runtime, in this process; until the end of a test, or for good."""
    names = [NAME, *ort.get_available_providers()]
    for name, value in (("get_available_providers", lambda: names), ("InferenceSession", Session)):
        if patch is None:
            setattr(ort, name, value)
        else:
            patch.setattr(ort, name, value)


def fake_gpu(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Put the provider and TensorRT into this process and those that it starts."""
    install(patch)
    patch.setitem(sys.modules, "tensorrt", importlib.import_module("tests.fakes.tensorrt"))
    folder.mkdir()
    (folder / "tensorrt.py").write_text("from tests.fakes.tensorrt import *\nfrom tests.fakes.tensorrt import __version__\n")
    (folder / "onnxruntime.py").write_text(_SHIM)
    root = Path(__file__).parents[2]
    patch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(root))))


_SHIM = """import importlib, sys
sys.path.remove(__file__.rpartition("/")[0])
del sys.modules["onnxruntime"]
importlib.import_module("onnxruntime")
sys.path.insert(0, __file__.rpartition("/")[0])
importlib.import_module("tests.fakes.provider").install()
"""
"""Found before the real package; puts the real one, with one provider more, into its place."""
