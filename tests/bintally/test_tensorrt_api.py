"""Plain engines through TensorRT's Python API, and how the machine is asked about itself."""

from __future__ import annotations

import enum
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest

from bintally.bundle import read_manifest
from bintally.errors import InputError, UnavailableError
from bintally.tensorrt.artifact import Profile, digests, read_engine
from bintally.tensorrt.build import ensure_engine
from bintally.tensorrt.machine import Machine, plain_machine, provider_machine
from bintally.tensorrt.plain import build_plain
from bintally.tensorrt.provider import options
from tests.fakes import bundle as fakes
from tests.fakes import provider, tensorrt
from tests.fakes.provider import fake_gpu

HERE = Machine(gpu="Orin", compute_capability="8.7", tensorrt="10.3.0", cuda_driver="12.6", onnxruntime=ort.__version__)
SHAPES = ((1, 32, 32, 3), (2, 32, 32, 3), (4, 32, 32, 3))
BATCHES = Profile(min=1, opt=2, max=4)
EXPLICIT, TYPED = 1 << 0, 1 << 1


@pytest.fixture(autouse=True)
def _gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_gpu(monkeypatch, tmp_path / "site")


def write_bundle(path: Path, target: str = "tensorrt") -> Path:
    path.write_bytes(fakes.repack(fakes.tiny_bundle_bytes(), lambda fields: fields.update(target=target)))
    return path


def plan(folder: Path, target: str) -> Any:
    """What a plain engine was built with."""
    bundle = write_bundle(folder / "grey.onnx", target)
    build_plain(bundle, read_manifest(bundle), folder, BATCHES)
    return tensorrt.built((folder / "grey-counter-1.2.3.engine").read_bytes())


@pytest.mark.parametrize("target", ["tensorrt", "float", "float16"])
def test_from_tensorrt_10_on_the_network_is_strongly_typed_without_flags(tmp_path: Path, target: str) -> None:
    assert plan(tmp_path, target) == (TYPED, [], SHAPES)


@pytest.mark.parametrize(("target", "flags"), [("tensorrt", ["FP16", "INT8"]), ("float16", ["FP16"]), ("float", [])])
def test_tensorrt_8_allows_what_the_target_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, flags: list[str]) -> None:
    monkeypatch.setattr(tensorrt, "NetworkDefinitionCreationFlag", enum.IntEnum("Flag", {"EXPLICIT_BATCH": 0}))
    assert plan(tmp_path, target) == (EXPLICIT, flags, SHAPES)


def test_tensorrt_11_knows_no_flags_of_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt, "NetworkDefinitionCreationFlag", enum.IntEnum("Flag", {"STRONGLY_TYPED": 1}))
    monkeypatch.delattr(tensorrt, "BuilderFlag")
    assert plan(tmp_path, "tensorrt") == (TYPED, [], SHAPES)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("parse", r"grey\.onnx: TensorRT cannot read the graph \(In node 3 \(importOdd\): UNSUPPORTED_NODE\)$"),
        ("build", r"TensorRT cannot build an engine \(Error Code 10: no implementation for node conv1\)$"),
        ("load", r"TensorRT cannot load the engine that it built \(it gives no reason\)$"),
        ("names", r"the engine takes and gives frames, odd, not frames and probabilities"),
    ],
)
def test_what_tensorrt_refuses_is_said_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, words: str
) -> None:
    monkeypatch.setenv("FAKE_TENSORRT_FAILS", step)
    with pytest.raises(InputError, match=words):
        plan(tmp_path, "tensorrt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grey.onnx", "site"]


@pytest.mark.parametrize(("earlier", "later"), [(b"timing\n", b"timing\ntiming\n"), (b"bad\n", b"timing\n"), (None, b"timing\n")])
def test_an_earlier_timing_cache_is_used_unless_tensorrt_refuses_it(tmp_path: Path, earlier: bytes | None, later: bytes) -> None:
    if earlier is not None:
        (tmp_path / "timing.cache").write_bytes(earlier)
    plan(tmp_path, "tensorrt")
    assert (tmp_path / "timing.cache").read_bytes() == later


def test_a_plain_engine_is_tied_to_its_machine_too(tmp_path: Path) -> None:
    bundle, folder = write_bundle(tmp_path / "grey.onnx"), tmp_path / "engines" / "plain"
    made = ensure_engine("plain", bundle, folder, BATCHES, HERE)
    assert made == read_engine(folder, "plain")
    assert (made.machine, made.load_s, made.files) == (HERE, None, digests(folder))
    assert sorted(made.files) == ["grey-counter-1.2.3.engine", "timing.cache"]


@pytest.mark.parametrize(
    ("target", "half", "whole"), [("tensorrt", "True", "True"), ("float16", "True", "False"), ("float", "False", "False")]
)
def test_the_providers_options_follow_the_target(tmp_path: Path, target: str, half: str, whole: str) -> None:
    given = options(read_manifest(write_bundle(tmp_path / "grey.onnx", target)), tmp_path, BATCHES)
    assert given.keys() == provider.KNOWN
    assert (given["trt_fp16_enable"], given["trt_int8_enable"]) == (half, whole)
    assert [given[f"trt_profile_{end}_shapes"] for end in ("min", "opt", "max")] == [
        "frames:1x32x32x3",
        "frames:2x32x32x3",
        "frames:4x32x32x3",
    ]


class Library:
    """libcuda and libnvinfer of some machine, as ctypes gives them."""

    def __init__(self, nvinfer: int = 100300, **status: int) -> None:
        self._nvinfer, self._status = nvinfer, status

    def load(self, name: str) -> Library:
        if self._status.get(name.partition(".")[0]):
            raise OSError(f"{name}: cannot open shared object file: No such file or directory")
        return self

    def getInferLibVersion(self) -> int:  # noqa: N802 - TensorRT's
        return self._nvinfer

    def cuInit(self, flags: int) -> int:  # noqa: N802 - CUDA's, as the following
        assert flags == 0
        return self._status.get("cuInit", 0)

    def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802
        version._obj.value = self._status.get("driver", 12060)
        return 0

    def cuDeviceGet(self, device: Any, ordinal: int) -> int:  # noqa: N802
        device._obj.value = ordinal + 40
        return self._status.get("cuDeviceGet", 0)

    def cuDeviceGetName(self, name: Any, size: int, device: Any) -> int:  # noqa: N802
        assert (len(name), device.value) == (size, 40)
        name.value = b"Orin"
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: Any) -> int:  # noqa: N802
        assert device.value == 40
        value._obj.value = {75: 8, 76: 7}[attribute]
        return 0


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """ONNX Runtime's TensorRT provider, as far as it says what it needs."""
    path = tmp_path / "provider.so"
    path.write_bytes(b"\x7fELF\0libcublas.so.13\0libnvinfer.so.10\0libcudart.so.13\0")
    return path


@pytest.mark.parametrize(("number", "version"), [(100300, "10.3.0"), (101303, "10.13.3"), (8602, "8.6.2"), (110400, "11.4.0")])
def test_the_machine_is_asked_through_driver_and_tensorrt(library: Path, number: int, version: str) -> None:
    assert provider_machine(Library(number).load, library) == HERE.model_copy(update={"tensorrt": version})
    assert plain_machine(Library().load) == HERE


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"libcuda": 1}, "there is no NVIDIA driver here (libcuda.so.1)"),
        ({"cuInit": 100}, "the NVIDIA driver answers error 100 to cuInit; is there a GPU"),
        ({"cuDeviceGet": 101}, "the NVIDIA driver answers error 101 to cuDeviceGet"),
        ({"libnvinfer": 1}, "here needs libnvinfer.so.10 of TensorRT 10, which cannot be loaded; run: pip install 'tensorrt-cu13>=10,<11'"),
        ({"libcublas": 1}, "here needs libcublas.so.13 of CUDA, which cannot be loaded; run: pip install 'onnxruntime-gpu[cuda,cudnn]'"),
    ],
)
def test_what_is_missing_is_said(library: Path, status: dict[str, int], words: str) -> None:
    with pytest.raises(UnavailableError, match=re.escape(words)):
        provider_machine(Library(**status).load, library)


def test_a_build_of_onnx_runtime_without_tensorrt_is_said(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match=r"here has no TensorRT provider; run: pip uninstall onnxruntime, then: pip install onnxr"):
        provider_machine(Library().load, library.with_name("gone.so"))
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(UnavailableError, match="here has no TensorRT provider"):
        provider_machine(Library().load, library)


@pytest.mark.parametrize(("driver", "cuda"), [(13000, "13"), (0, "12")])
def test_without_the_python_package_it_is_said(monkeypatch: pytest.MonkeyPatch, driver: int, cuda: str) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    words = f"TensorRT for Python is not here .*; run: pip install 'tensorrt-cu{cuda}>=10,<11'"
    with pytest.raises(UnavailableError, match=words):
        plain_machine(Library(driver=driver, libcuda=not driver).load)


def test_a_jetson_is_told_to_install_jetpacks_own(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bintally.tensorrt.machine._on_jetson", lambda: True)
    with pytest.raises(UnavailableError, match="install JetPack's own: sudo apt install nvidia-jetpack"):
        provider_machine(Library(libnvinfer=1).load, library)


def test_the_fake_has_the_real_packages_names_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tensorrt")
    real = pytest.importorskip(
        "tensorrt", reason="TensorRT for Python is not installed; nothing to compare the fake with", exc_type=ImportError
    )
    compared = 0
    for class_name, fake in inspect.getmembers(tensorrt, inspect.isclass):
        for name, method in vars(fake).items():
            if fake.__module__ != tensorrt.__name__ or issubclass(fake, enum.Enum) or not inspect.isfunction(method):
                continue
            text = getattr(getattr(real, class_name), name).__doc__ or ""
            if name == "__init__" and "__init__(self: " not in text:  # not for callers to make
                continue
            wanted = list(inspect.signature(method).parameters)
            calls = [re.findall(r"[(,] ?(\w+): ", line) for line in re.findall(rf"{name}\(self: .*", text)]
            assert any(call[: len(wanted)] == wanted for call in calls), (class_name, name, wanted, text)
            compared += 1
    assert compared > 15
    assert {"ERROR", "INTERNAL_ERROR"} <= real.ILogger.Severity.__members__.keys()
    flags = real.NetworkDefinitionCreationFlag.__members__.keys()
    assert "STRONGLY_TYPED" in flags or ("EXPLICIT_BATCH" in flags and {"FP16", "INT8"} <= real.BuilderFlag.__members__.keys())
    assert hasattr(real.ICudaEngine, "num_io_tensors")
    assert hasattr(real.OnnxParser, "num_errors")
