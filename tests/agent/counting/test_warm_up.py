"""The agent's warm-up: which providers count, and an engine that is built once and never taken from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from agent.counting.warm_up import ENGINES, drop_engines, warm_up
from agent.settings import AgentSettings
from bintally.bundle import Bundle, read_manifest
from bintally.errors import InputError, UnavailableError, UsageError
from bintally.settings import read_settings
from bintally.tensorrt.artifact import Profile, digests
from bintally.tensorrt.machine import Machine
from export.engine import build_engines
from tests.fakes.bundle import expected_probabilities, grey, repack, write_grey_images
from tests.fakes.programs import BINTALLY, Start
from tests.fakes.provider import fake_gpu

ORIN = Machine(gpu="Orin", compute_capability="8.7", tensorrt="10.3.0", cuda_driver="12.6", onnxruntime="1.23.2")
NANO = ORIN.model_copy(update={"gpu": "Orin Nano"})
WITH_TENSORRT = ["TensorrtExecutionProvider", "CPUExecutionProvider"]


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    path = tmp_path / "grey.onnx"
    path.write_bytes(repack(tiny_bundle.read_bytes(), lambda fields: fields.update(target="tensorrt")))
    return path


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_gpu(monkeypatch, tmp_path / "site")


@pytest.fixture
def warm(bundle: Path, tmp_path: Path) -> Callable[..., Bundle]:
    def warm(providers: str, machine: Machine | None = ORIN, **more: Path) -> Bundle:
        settings = read_settings(AgentSettings, {"source": "0", "bundle": bundle, "providers": providers, "threads": 1, **more})

        def ask() -> Machine:
            if machine is None:
                raise UnavailableError("no GPU here")
            return machine

        opened = warm_up(settings, tmp_path / "state", ask)
        np.testing.assert_allclose(opened.count_frame(grey(4)), expected_probabilities(144), atol=1e-5)
        return opened

    return warm


@pytest.mark.usefixtures("gpu")
def test_by_default_the_processor_counts_and_nobody_asks_for_a_gpu(warm: Callable[..., Bundle], tmp_path: Path) -> None:
    assert read_settings(AgentSettings, {"source": "0"}).providers == ("cpu",)
    assert warm("cpu", None).providers == ["CPUExecutionProvider"]
    assert not (tmp_path / "state").exists()


def test_where_tensorrt_is_not_here_the_next_one_counts_and_the_log_says_why(warm: Callable[..., Bundle]) -> None:
    with capture_logs() as said:
        assert warm("tensorrt,cpu", None).providers == ["CPUExecutionProvider"]
    assert [(one["event"], one.get("reason"), one.get("providers")) for one in said] == [
        ("TensorRT is passed over", "no GPU here", None),
        ("counting with", None, ["CPUExecutionProvider"]),
    ]


def test_where_only_tensorrt_may_count_it_must_be_here(warm: Callable[..., Bundle], tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no GPU here"):
        warm("tensorrt", None)
    with pytest.raises(UnavailableError, match="no GPU here"):
        warm("tensorrt,cpu", None, engine=tmp_path)


def test_an_engine_without_tensorrt_among_the_providers_is_wrong_use(warm: Callable[..., Bundle], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="set --providers tensorrt,cpu"):
        warm("cpu", engine=tmp_path)


@pytest.mark.usefixtures("gpu")
def test_the_first_start_builds_an_engine_and_the_next_one_takes_it(
    warm: Callable[..., Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as said:
        assert warm("tensorrt,cpu").providers == WITH_TENSORRT
    assert [one["event"] for one in said if one["event"] != "still building"] == [
        "an engine must be built",
        "building an engine; this takes minutes",
        "engine is built",
        "counting with",
    ]
    engine = next((tmp_path / "state" / "engines").iterdir())
    monkeypatch.setenv("FAKE_PROVIDER_FAILS", "crash")
    with capture_logs() as said:
        assert warm("tensorrt,cpu").providers == WITH_TENSORRT
    assert [one["event"] for one in said] == ["engine is there", "counting with"]
    monkeypatch.delenv("FAKE_PROVIDER_FAILS")
    next(engine.glob("*.engine")).write_bytes(b"damaged")
    assert warm("tensorrt", NANO).providers == WITH_TENSORRT
    assert f'"gpu": "{NANO.gpu}"' in (engine / "manifest.json").read_text()


@pytest.mark.usefixtures("gpu")
def test_an_engine_that_is_handed_over_is_taken_or_refused_and_never_changed(
    warm: Callable[..., Bundle], bundle: Path, tmp_path: Path
) -> None:
    build_engines(bundle, tmp_path / "given", ["provider"], Profile(max=4), {"provider": lambda: ORIN, "plain": lambda: ORIN})
    before = digests(tmp_path / "given" / "provider")
    assert warm("tensorrt", engine=tmp_path / "given").providers == WITH_TENSORRT
    with pytest.raises(InputError, match="made for GPU Orin; this machine has GPU Orin Nano; build it on this machine"):
        warm("tensorrt", NANO, engine=tmp_path / "given")
    assert digests(tmp_path / "given" / "provider") == before
    with pytest.raises(InputError, match=r"holds no whole engine .* 'bintally export engine' makes one"):
        warm("tensorrt", engine=tmp_path)
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("gpu")
def test_a_bundle_for_the_processor_is_not_given_to_tensorrt(warm: Callable[..., Bundle], bundle: Path, tiny_bundle: Path) -> None:
    bundle.write_bytes(tiny_bundle.read_bytes())
    assert read_manifest(bundle).target == "any CPU"
    with pytest.raises(InputError, match="run: bintally export … --target tensorrt"):
        warm("tensorrt,cpu")


@pytest.mark.parametrize("given", ["gpu", "cpu,tensorrt", "", "tensorrt,tensorrt"])
def test_wrong_providers_are_wrong_use(given: str) -> None:
    with pytest.raises(UsageError, match=r"providers = .* \(set by --providers, BINTALLY_PROVIDERS or the TOML file\)"):
        read_settings(AgentSettings, {"source": "0", "providers": given})


def test_providers_come_from_options_environment_and_toml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text('source = "0"\nproviders = ["tensorrt", "cpu"]\n')
    options = {"config": str(tmp_path / "agent.toml")}
    assert read_settings(AgentSettings, options).providers == ("tensorrt", "cpu")
    monkeypatch.setenv("BINTALLY_PROVIDERS", "cuda cpu")
    assert read_settings(AgentSettings, options).providers == ("cuda", "cpu")
    assert read_settings(AgentSettings, {**options, "providers": "cpu"}).providers == ("cpu",)


def test_an_agent_for_tensorrt_alone_says_in_one_line_what_is_missing(start: Start, bundle: Path, tmp_path: Path) -> None:
    write_grey_images(tmp_path / "frames", [1])
    options = [
        "--source",
        str(tmp_path / "frames"),
        "--bundle",
        str(bundle),
        "--state-dir",
        str(tmp_path / "state"),
        "--providers",
        "tensorrt",
    ]
    run = start(*BINTALLY, "agent", "run", *options)
    assert run.wait() == 1
    (said,) = [line for line in run.stderr.splitlines() if "TensorRT" in line or "Traceback" in line]
    assert said.startswith("bintally agent: ONNX Runtime ")


def test_engines_of_bundles_that_are_gone_are_deleted_and_no_others(bundle: Path, tmp_path: Path) -> None:
    engines = tmp_path / "state" / ENGINES
    ours = read_manifest(bundle).graph_sha256[:16]
    for name in (ours, "0" * 16, ".building.part"):
        (engines / name).mkdir(parents=True)
        (engines / name / "x.engine").write_bytes(b"x")
    drop_engines(tmp_path / "state", [bundle, tmp_path / "none.onnx"])
    assert (engines / ("0" * 16)).exists(), "somebody's bundle cannot be read: any engine may be its"
    drop_engines(tmp_path / "state", [bundle])
    assert sorted(path.name for path in engines.iterdir()) == sorted([ours, ".building.part"])
