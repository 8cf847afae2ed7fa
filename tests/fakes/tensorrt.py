"""The part of TensorRT's Python API that bintally calls, without a GPU: what it «builds» is the graph itself behind a mark.

``tests/bintally/test_tensorrt_api.py`` compares its names and arguments with the real package's where that is installed.
The environment steers it in child processes: ``FAKE_TENSORRT_FAILS`` names the step that fails.
"""

from __future__ import annotations

import ast
import enum
import os
from typing import Any

import onnx

__version__ = "10.3.0"
MARK = b"plain fake engine\n"


def _fails(step: str) -> bool:
    return os.environ.get("FAKE_TENSORRT_FAILS") == step


class NetworkDefinitionCreationFlag(enum.IntEnum):
    EXPLICIT_BATCH = 0
    STRONGLY_TYPED = 1


class BuilderFlag(enum.IntEnum):
    FP16 = 0
    INT8 = 2


class ILogger:
    class Severity(enum.IntEnum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2

    def log(self, severity: Severity, msg: str) -> None:
        raise NotImplementedError


class INetworkDefinition:
    def __init__(self, flags: int) -> None:
        self.flags, self.graph = flags, b""


class ParserError:
    def desc(self) -> str:
        return "In node 3 (importOdd): UNSUPPORTED_NODE\nat ModelImporter.cpp:1"


class OnnxParser:
    def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
        self._network, self._logger = network, logger
        self.num_errors = 0

    def parse(self, model: bytes) -> bool:
        onnx.load_from_string(model)
        self.num_errors = int(_fails("parse"))
        self._network.graph = model
        return not self.num_errors

    def get_error(self, index: int) -> ParserError:
        assert index < self.num_errors
        return ParserError()


class ITimingCache:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def serialize(self) -> bytes:
        return self._content + b"timing\n"


class IOptimizationProfile:
    def __init__(self) -> None:
        self.shapes: tuple[tuple[int, ...], ...] = ()

    def set_shape(self, input: str, min: tuple[int, ...], opt: tuple[int, ...], max: tuple[int, ...]) -> None:  # noqa: A002 - TensorRT's
        assert input == "frames"
        self.shapes = (min, opt, max)


class IBuilderConfig:
    def __init__(self) -> None:
        self.flags: set[BuilderFlag] = set()
        self.profile = IOptimizationProfile()
        self._cache = ITimingCache(b"")

    def set_flag(self, flag: BuilderFlag) -> None:
        self.flags.add(flag)

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        self.profile = profile
        return 0

    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
        return None if serialized_timing_cache.startswith(b"bad") else ITimingCache(bytes(serialized_timing_cache))

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        self._cache = cache
        return not ignore_mismatch

    def get_timing_cache(self) -> ITimingCache:
        return self._cache


class ICudaEngine:
    def __init__(self, shapes: list[tuple[int, ...]]) -> None:
        self.num_io_tensors = 2
        self._shapes = shapes

    def get_tensor_name(self, index: int) -> str:
        return ("frames", "odd" if _fails("names") else "probabilities")[index]

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[tuple[int, ...]]:
        assert (name, profile_index) == ("frames", 0)
        return self._shapes


class Builder:
    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        return INetworkDefinition(flags)

    def create_builder_config(self) -> IBuilderConfig:
        return IBuilderConfig()

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> bytes | None:
        if _fails("build"):
            self._logger.log(ILogger.Severity.WARNING, "never mind")
            self._logger.log(ILogger.Severity.ERROR, "Error Code 10: no implementation for node conv1\nmore")
            return None
        head = repr((network.flags, sorted(flag.name for flag in config.flags), config.profile.shapes)).encode()
        return MARK + head + b"\n" + network.graph


class Runtime:
    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        if not serialized_engine.startswith(MARK) or _fails("load"):
            return None
        return ICudaEngine(list(built(serialized_engine)[2]))


def built(plan: bytes) -> Any:
    """What an engine was built with: the network's flags, the builder's, and the profile's shapes."""
    return ast.literal_eval(plan.removeprefix(MARK).partition(b"\n")[0].decode())
