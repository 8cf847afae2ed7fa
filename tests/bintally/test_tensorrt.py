"""Engines: built once, tied to their bundle and machine, refused elsewhere; no half of one is ever taken for a whole one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from structlog.testing import capture_logs

from bintally.bundle import read_manifest
from bintally.errors import InputError, UnavailableError, UsageError
from bintally.manifest import Manifest
from bintally.tensorrt import build, worker
from bintally.tensorrt.artifact import EngineManifest, Profile, profile, read_engine, require_engine
from bintally.tensorrt.build import ensure_engine
from bintally.tensorrt.machine import Machine
from bintally.tensorrt.provider import open_engine, open_with_cache
from export.pack import pack
from tests.fakes import bundle as fakes
from tests.fakes.programs import Start, wait_until
from tests.fakes.provider import MARK, fake_gpu

ORIN = Machine(gpu="Orin", compute_capability="8.7", tensorrt="8.6.2", cuda_driver="12.2", onnxruntime="1.20.1")
TENSORRT = {"target": "tensorrt"}
BATCHES = Profile()


@pytest.fixture(autouse=True)
def _gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_gpu(monkeypatch, tmp_path / "site")


def write_bundle(path: Path, sharpness: float = fakes.SHARPNESS, **fields: Any) -> Path:
    """A tiny bundle; all have one design, with another sharpness their weights differ."""
    model = fakes.graph()
    old = next(one for one in model.graph.initializer if one.name == "sharpness")
    old.CopyFrom(onnx.numpy_helper.from_array(np.array(-sharpness, np.float32), "sharpness"))
    manifest = {**fakes.manifest(), **TENSORRT, **fields}
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for golden, count in zip(manifest["golden"], (0, 2, 5), strict=True):
        golden["probabilities"] = session.run(None, {"frames": fakes.grey(count)[None]})[0][0].clip(0, 1).tolist()
    path.write_bytes(pack(model, Manifest, manifest))
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "grey.onnx")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EngineManifest, list[Any]]:
    """An engine, its manifest, and what the log said while it was built; only to be read and copied."""
    folder = tmp_path_factory.mktemp("engine")
    with pytest.MonkeyPatch.context() as patch, capture_logs() as said:
        fake_gpu(patch, folder / "site")
        patch.setenv("FAKE_BUILD_S", "1")
        made = ensure_engine("provider", write_bundle(folder / "grey.onnx"), folder / "engine", BATCHES, ORIN, every_s=0.1)
    return folder / "engine", made, list(said)


@pytest.fixture
def engine(shared: tuple[Path, EngineManifest, list[Any]], tmp_path: Path) -> Path:
    """A copy of the engine."""
    return Path(shutil.copytree(shared[0], tmp_path / "engines" / "engine"))


def building_fails(bundle: Path, folder: Path, kind: type[Exception]) -> str:
    """The text with which a build fails; it must leave nothing."""
    with pytest.raises(kind) as failed:
        ensure_engine("provider", bundle, folder, BATCHES, ORIN)
    assert list(folder.parent.iterdir()) == []
    return str(failed.value)


def refusal(folder: Path, bundle: Path, machine: Machine = ORIN) -> str:
    with pytest.raises(InputError) as refused:
        require_engine(folder, "provider", read_manifest(bundle), machine)
    assert str(folder) in str(refused.value)
    return str(refused.value)


def test_a_build_is_never_silent(shared: tuple[Path, EngineManifest, list[Any]]) -> None:
    events = [(one["event"], one.get("machine")) for one in shared[2]]
    assert events[1] == ("building an engine; this takes minutes", str(ORIN))
    assert events.count(("still building", None)) >= 2
    assert events[-1] == ("engine is built", None)


def test_an_engine_loads_without_building_again_and_counts_as_the_bundle(engine: Path, bundle: Path) -> None:
    before = {path.name: path.read_bytes() for path in engine.iterdir()}
    manifest = read_manifest(bundle)
    made = require_engine(engine, "provider", manifest, ORIN)
    opened = open_engine(bundle, manifest, engine, made)
    assert opened.providers == ["TensorrtExecutionProvider", "CPUExecutionProvider"]
    np.testing.assert_allclose(opened.count_frame(fakes.grey(4)), fakes.expected_probabilities(144), atol=1e-5)
    assert {path.name: path.read_bytes() for path in engine.iterdir()} == before


def test_the_manifest_ties_the_files_to_bundle_machine_and_batches(engine: Path, bundle: Path) -> None:
    said = json.loads((engine / "manifest.json").read_text())
    manifest = read_manifest(bundle)
    assert said["schema"] == 1
    assert said["kind"] == "provider"
    assert said["bundle"] == {"name": "grey-counter", "version": "1.2.3", "target": "tensorrt", "graph_sha256": manifest.graph_sha256}
    assert said["machine"] == ORIN.model_dump()
    assert said["profile"] == {"min": 1, "opt": 1, "max": 8}
    assert sorted(Path(name).suffix for name in said["files"]) == [".engine", ".profile", ".timing"]
    assert said["build_s"] > 1


def test_an_engine_that_fits_is_not_built_again(engine: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PROVIDER_FAILS", "crash")
    assert ensure_engine("provider", bundle, engine, BATCHES, ORIN).machine == ORIN


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gpu": "Orin Nano"}, "made for GPU Orin; this machine has GPU Orin Nano"),
        ({"onnxruntime": "1.31.1"}, "made for ONNX Runtime 1.20.1; this machine has ONNX Runtime 1.31.1"),
        ({"tensorrt": "10.3.0"}, "made for TensorRT 8.6.2; this machine has TensorRT 10.3.0"),
        (
            {"compute_capability": "8.9", "cuda_driver": "13.0"},
            "made for compute capability 8.7, CUDA driver 12.2; this machine has compute capability 8.9, CUDA driver 13.0",
        ),
    ],
)
def test_an_engine_of_another_machine_is_refused_with_what_differs(engine: Path, bundle: Path, change: Any, words: str) -> None:
    assert refusal(engine, bundle, ORIN.model_copy(update=change)) == f"{engine}: {words}; build it on this machine"


def test_an_engine_of_other_weights_of_the_same_design_is_refused(engine: Path, tmp_path: Path) -> None:
    other = write_bundle(tmp_path / "other.onnx", sharpness=1.0, version="1.3.0")
    assert "made from grey-counter 1.2.3 (" in refusal(engine, other)
    with pytest.raises(InputError, match="answers differ"):  # why: the provider itself takes it for the right one
        open_with_cache(other, read_manifest(other), engine, BATCHES)


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def _halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("suffix", [".engine", ".profile", ".timing"])
@pytest.mark.parametrize("damage", [_append, _halve, Path.unlink])
def test_a_damaged_engine_is_refused_by_its_files_name(engine: Path, bundle: Path, suffix: str, damage: Any) -> None:
    path = next(path for path in engine.iterdir() if path.suffix == suffix)
    damage(path)
    assert f"{path.name} is damaged, missing or not of this engine" in refusal(engine, bundle)


def test_a_file_too_many_is_refused(engine: Path, bundle: Path) -> None:
    (engine / "a_second.engine").write_bytes(MARK)
    assert "a_second.engine is damaged, missing or not of this engine" in refusal(engine, bundle)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda said: said.update(schema=2), "schema is wrong"),
        (lambda said: said.update(more=1), "more is wrong"),
        (lambda said: said["machine"].pop("gpu"), "machine.gpu is wrong"),
        (lambda said: said["profile"].update(min=9), "profile is wrong"),
        (lambda said: said["files"].update({"../x": "0" * 64}), "is wrong"),
        (lambda said: said.update(files={}), "files is wrong"),
        (lambda said: said.update(kind="plain"), "holds a plain engine, not a provider one"),
    ],
)
def test_an_altered_manifest_is_refused(engine: Path, bundle: Path, change: Any, words: str) -> None:
    path = engine / "manifest.json"
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))
    assert words in refusal(engine, bundle)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]"])
def test_a_damaged_manifest_is_refused(engine: Path, bundle: Path, content: bytes) -> None:
    (engine / "manifest.json").write_bytes(content)
    assert "JSON is wrong" in refusal(engine, bundle)


def test_without_a_manifest_there_is_no_engine(engine: Path, bundle: Path) -> None:
    (engine / "manifest.json").unlink()
    assert "holds no whole engine (manifest.json is missing)" in refusal(engine, bundle)
    assert "holds no whole engine" in refusal(engine / "gone", bundle)


def test_what_does_not_fit_is_replaced_and_its_timings_are_kept(engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_BUILD_S", "60")  # not without the timings
    other = write_bundle(tmp_path / "other.onnx", sharpness=1.0)
    made = ensure_engine("provider", other, engine, Profile(max=4), ORIN)
    assert made == read_engine(engine, "provider")
    assert made.bundle.graph_sha256 == read_manifest(other).graph_sha256
    assert next(engine.glob("*.timing")).read_bytes() == b"timing\n" * 2
    assert [path.name for path in engine.parent.iterdir()] == ["engine"]


def test_timings_of_another_machine_are_left_alone(engine: Path, bundle: Path) -> None:
    ensure_engine("provider", bundle, engine, BATCHES, ORIN.model_copy(update={"tensorrt": "10.3.0"}))
    assert next(engine.glob("*.timing")).read_bytes() == b"timing\n"


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        ("parts", InputError, "(User needs to provide all the dynamic shape inputs with associated profiles); "),
        ("nothing", InputError, "ONNX Runtime gave no part of the graph to TensorRT; run: bintally export check --target tensorrt"),
        ("silently", UnavailableError, "ONNX Runtime could not load its TensorRT provider, and would count with CPUExecutionProvider"),
        ("crash", UnavailableError, "the building process ended with signal SIGABRT"),
        ("disk", UnavailableError, "the engine that was just built cannot be loaded; is the disk full? "),
    ],
)
def test_a_failed_build_leaves_nothing(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str, kind: type[Exception], words: str
) -> None:
    monkeypatch.setenv("FAKE_PROVIDER_FAILS", failure)
    if failure not in ("crash", "disk"):  # what a worker answers is the same in this process, and sooner there
        monkeypatch.setattr(build, "_work", lambda request, _: build._seconds(worker.answer(request).model_dump_json().encode(), 0, ""))
    assert words in building_fails(bundle, tmp_path / "engines" / "engine", kind)


def test_a_full_disk_leaves_the_old_engine(engine: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bintally.files.os.fsync", full)
    other = write_bundle(tmp_path / "other.onnx", sharpness=1.0)
    with pytest.raises(UnavailableError, match=r"cannot be written \(No space left on device\); free space"):
        ensure_engine("provider", other, engine, BATCHES, ORIN)
    require_engine(engine, "provider", read_manifest(bundle), ORIN)
    assert [path.name for path in engine.parent.iterdir()] == ["engine"]


def test_a_build_that_is_killed_takes_its_worker_along_and_the_next_start_builds_again(
    start: Start, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "engines" / "engine"
    monkeypatch.setenv("FAKE_BUILD_S", "300")
    code = (
        "import sys; from pathlib import Path; from bintally.tensorrt import artifact, build, machine\n"
        "build.ensure_engine('provider', Path(sys.argv[1]), Path(sys.argv[2]), artifact.Profile(), "
        "machine.Machine.model_validate_json(sys.argv[3]))"
    )
    builder = start(sys.executable, "-c", code, str(bundle), str(folder), ORIN.model_dump_json())
    part = folder.parent / ".engine.part"
    wait_until(lambda: bool(list(part.glob("*.engine"))) or not builder.running, "the build has begun")
    assert builder.running, builder.stderr
    with pytest.raises(UnavailableError, match="another process builds an engine there"):
        ensure_engine("provider", bundle, folder, BATCHES, ORIN)
    assert _workers(part)
    builder.signal(signal.SIGKILL)
    builder.wait()
    wait_until(lambda: not _workers(part), "the worker is gone")
    assert "holds no whole engine" in refusal(folder, bundle)
    monkeypatch.delenv("FAKE_BUILD_S")
    assert ensure_engine("provider", bundle, folder, BATCHES, ORIN) == read_engine(folder, "provider")


def _workers(part: Path) -> list[str]:
    commands = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(process.read_bytes().decode(errors="replace"))
        except OSError:  # it ended just now
            continue
    return [command for command in commands if "bintally.tensorrt.worker" in command and str(part) in command]


def test_a_worker_whose_parent_is_gone_does_nothing(tmp_path: Path) -> None:
    request = {"kind": "plain", "bundle": "x", "folder": str(tmp_path), "profile": {}}
    command = [sys.executable, "-m", "bintally.tensorrt.worker", json.dumps(request), "1"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=os.environ)
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize("target", ["cpu", "cpu-vnni", "arm", "cpu (x86-64 with AVX2)"])
def test_a_bundle_for_other_arithmetic_is_refused_with_what_to_export(tmp_path: Path, target: str) -> None:
    bundle = write_bundle(tmp_path / "cpu.onnx", target=target)
    with pytest.raises(
        InputError, match="TensorRT would compute it otherwise than it was measured; run: bintally export … --target tensorrt"
    ):
        ensure_engine("provider", bundle, tmp_path / "engines" / "engine", BATCHES, ORIN)
    assert not (tmp_path / "engines").exists()


@pytest.mark.parametrize("sizes", [(2, 1, 8), (1, 9, 8), (0, 1, 8), (1, 1, 2000), (-1, -1, -1)])
def test_batch_sizes_out_of_order_or_range_are_wrong_use(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="give the smallest, the best and the largest, each from 1 to 1024"):
        profile(*sizes)


@pytest.mark.parametrize("sizes", [(1, 1, 2), (2, 4, 8)])
def test_batch_sizes_that_leave_out_the_agent_or_the_golden_inputs_are_wrong_use(
    bundle: Path, tmp_path: Path, sizes: tuple[int, int, int]
) -> None:
    with pytest.raises(UsageError, match="must begin at 1, for the agent, and reach 3, for the bundle's golden inputs"):
        ensure_engine("provider", bundle, tmp_path / "engine", profile(*sizes), ORIN)
