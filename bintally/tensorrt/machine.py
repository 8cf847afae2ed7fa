"""What a TensorRT engine depends on: the GPU, and the versions of TensorRT, the CUDA driver and ONNX Runtime."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import platform
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnxruntime as ort
from pydantic import BaseModel, ConfigDict, Field

from bintally.errors import UnavailableError

PROVIDER = "TensorrtExecutionProvider"
PROVIDER_LIBRARY = Path(ort.__file__).parent / "capi" / "libonnxruntime_providers_tensorrt.so"
Load = Callable[[str], Any]
"""Opens a shared library by name, as ``ctypes.CDLL`` does."""
_MAJOR_ATTRIBUTE, _MINOR_ATTRIBUTE = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of the CUDA driver API."""
_NAME_BYTES = 256


class Machine(BaseModel):
    """A machine as far as engines depend on it. An engine fits a machine when all fields are equal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpu: str = Field(min_length=1, title="GPU")
    compute_capability: str = Field(pattern=r"^\d+\.\d+$", title="compute capability")
    tensorrt: str = Field(pattern=r"^\d+\.\d+", title="TensorRT")
    cuda_driver: str = Field(pattern=r"^\d+\.\d+$", title="CUDA driver", description="newest CUDA version that the driver knows")
    onnxruntime: str = Field(min_length=1, title="ONNX Runtime")

    def __str__(self) -> str:
        return self._words(type(self).model_fields)

    def difference(self, here: Machine) -> str | None:
        """How this machine, for which something was made, differs from the one here, in words; None where it does not."""
        names = [name for name in type(self).model_fields if getattr(self, name) != getattr(here, name)]
        return f"made for {self._words(names)}; this machine has {here._words(names)}" if names else None

    def _words(self, names: Any) -> str:
        return ", ".join(f"{type(self).model_fields[name].title} {getattr(self, name)}" for name in names)


def provider_machine(load: Load = ctypes.CDLL, library: Path = PROVIDER_LIBRARY) -> Machine:
    """This machine, with the TensorRT that ONNX Runtime's provider loads.

    Args:
        load: opens the driver's and TensorRT's libraries.
        library: of ONNX Runtime's TensorRT provider; it tells which libraries of which major version it needs.

    Raises:
        UnavailableError: the provider, TensorRT, the driver or the GPU is missing; the text says what to install.
    """
    content = library.read_bytes() if library.is_file() else b""
    needed = dict(re.findall(r"\0(lib(?:cu|nv)[a-z]+)\.so\.(\d+)(?=\0)", content.decode("latin-1")))
    if PROVIDER not in ort.get_available_providers() or "libnvinfer" not in needed:
        raise UnavailableError(f"ONNX Runtime {ort.__version__} here has no TensorRT provider; {_how_to_get_provider()}")
    preload()
    loaded = {name: _needed(load, name, major, needed) for name, major in needed.items()}
    return _with_gpu(load, _dotted(int(loaded["libnvinfer"].getInferLibVersion())))


def plain_machine(load: Load = ctypes.CDLL) -> Machine:
    """This machine, with the TensorRT of Python's ``tensorrt`` package.

    Raises:
        UnavailableError: the package, the driver or the GPU is missing; the text says what to install.
    """
    try:
        tensorrt = importlib.import_module("tensorrt")
    except (ImportError, OSError) as error:  # its own libraries may be missing
        raise UnavailableError(f"TensorRT for Python is not here ({error}); {_how_to_get_tensorrt('10', _cuda_of_driver(load))}") from error
    return _with_gpu(load, tensorrt.__version__)


@functools.cache
def preload() -> None:
    """Load TensorRT's and CUDA's libraries where pip put them; the linker does not look there, but finds what is loaded already."""
    for name in ("tensorrt", "tensorrt_libs"):
        with contextlib.suppress(ImportError, OSError):
            importlib.import_module(name)
    if hasattr(ort, "preload_dlls"):  # from ONNX Runtime 1.21 on; prints what it does not find
        with contextlib.redirect_stdout(sys.stderr):
            ort.preload_dlls()


def _with_gpu(load: Load, tensorrt: str) -> Machine:
    cuda = _driver(load)
    version, device, major, minor = (ctypes.c_int() for _ in range(4))
    name = ctypes.create_string_buffer(_NAME_BYTES)
    _checked(cuda.cuDriverGetVersion(ctypes.byref(version)), "cuDriverGetVersion")
    _checked(cuda.cuDeviceGet(ctypes.byref(device), 0), "cuDeviceGet")
    _checked(cuda.cuDeviceGetName(name, _NAME_BYTES, device), "cuDeviceGetName")
    for value, attribute in ((major, _MAJOR_ATTRIBUTE), (minor, _MINOR_ATTRIBUTE)):
        _checked(cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device), "cuDeviceGetAttribute")
    return Machine(
        gpu=name.value.decode(errors="replace"),
        compute_capability=f"{major.value}.{minor.value}",
        tensorrt=tensorrt,
        cuda_driver=_cuda_version(version.value),
        onnxruntime=ort.__version__,
    )


def _needed(load: Load, name: str, major: str, needed: Mapping[str, str]) -> Any:
    """A library that ONNX Runtime's provider is linked to; where one is missing the provider itself says only that it does not load."""
    try:
        return load(f"{name}.so.{major}")
    except OSError as error:
        tensorrt = name.startswith("libnv")
        how = _how_to_get_tensorrt(needed["libnvinfer"], needed.get("libcudart", "12")) if tensorrt else _how_to_get_cuda()
        part = f"TensorRT {needed['libnvinfer']}" if tensorrt else "CUDA"
        raise UnavailableError(
            f"ONNX Runtime {ort.__version__} here needs {name}.so.{major} of {part}, which cannot be loaded; {how}"
        ) from error


def _driver(load: Load) -> Any:
    try:
        cuda = load("libcuda.so.1")
    except OSError as error:
        raise UnavailableError("there is no NVIDIA driver here (libcuda.so.1); install it, or export for another --target") from error
    _checked(cuda.cuInit(0), "cuInit")
    return cuda


def _checked(status: int, call: str) -> None:
    if status:
        raise UnavailableError(f"the NVIDIA driver answers error {status} to {call}; is there a GPU, and may this user use it?")


def _cuda_of_driver(load: Load) -> str:
    """Major CUDA version of the driver, for a hint; that of JetPack 6 and most servers where nothing answers."""
    version = ctypes.c_int()
    with contextlib.suppress(UnavailableError):
        _driver(load).cuDriverGetVersion(ctypes.byref(version))
    return _cuda_version(version.value).partition(".")[0] if version.value else "12"


def _cuda_version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _dotted(version: int) -> str:
    """TensorRT's version as its headers put it into a number: 8602 is 8.6.2, 100300 is 10.3.0."""
    unit = 10_000 if version >= 10_000 else 1000
    return f"{version // unit}.{version % unit // 100}.{version % 100}"


def _how_to_get_provider() -> str:
    if _on_jetson():
        return "install NVIDIA's onnxruntime-gpu for this JetPack"
    return "run: pip uninstall onnxruntime, then: pip install onnxruntime-gpu (and beside it the TensorRT that it then asks for)"


def _how_to_get_cuda() -> str:
    return "install JetPack's own: sudo apt install nvidia-jetpack" if _on_jetson() else "run: pip install 'onnxruntime-gpu[cuda,cudnn]'"


def _how_to_get_tensorrt(tensorrt: str, cuda: str) -> str:
    if _on_jetson():
        return "install JetPack's own: sudo apt install nvidia-jetpack"
    return f"run: pip install 'tensorrt-cu{cuda}>={tensorrt},<{int(tensorrt) + 1}'"


def _on_jetson() -> bool:
    return platform.machine() == "aarch64" and Path("/etc/nv_tegra_release").exists()
