"""``bintally export bench``: who is measured, what is printed, what is refused. No test looks at how fast anything is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bintally.cli import main
from bintally.errors import InputError, UsageError
from bintally.manifest import Manifest
from export.benchmark import contenders as module
from export.benchmark.contenders import contenders
from export.benchmark.measure import start
from tests.export.conftest import SIZE, Exported


@pytest.fixture
def float_bundle(exported: Exported, tmp_path: Path) -> Path:
    from export.bundle import manifest_fields
    from export.judge import Judge
    from export.pack import pack
    from export.targets import TARGETS
    from tests.export.conftest import ANYTHING, SETTINGS

    judged = Judge(exported.source, ANYTHING, 0).judge(TARGETS["float"])
    path = tmp_path / "whole.onnx"
    path.write_bytes(pack(judged.model, Manifest, manifest_fields(exported.source, judged, SETTINGS)))
    return path


def test_a_quantized_bundle_is_measured_beside_its_own_float_network(exported: Exported) -> None:
    found = contenders([exported.bundle], True, False)
    assert [(one.name, one.as_float, one.size) for one in found] == [
        ("bundle (cpu), ONNX Runtime cpu", False, (SIZE, SIZE)),
        ("bundle (as float32), ONNX Runtime cpu", True, (SIZE, SIZE)),
    ]
    assert [one.as_float for one in contenders([exported.bundle], False, False)] == [False]


def test_a_float_bundle_takes_the_place_of_the_network_inside(exported: Exported, float_bundle: Path) -> None:
    found = contenders([exported.bundle, float_bundle, exported.bundle], True, False)
    assert [one.name for one in found] == ["bundle (cpu), ONNX Runtime cpu", "whole (float), ONNX Runtime cpu"]


def test_a_fresh_process_tells_its_start_and_its_own_memory(exported: Exported) -> None:
    """Not that of the process that started it, which holds 800 MB more here."""
    ballast = np.ones(100_000_000)
    for one in contenders([exported.bundle], True, False):
        found = start(one, 1)
        assert 0 < found.open_s < found.first_answer_s
        assert 50 < found.peak_mb < ballast.nbytes / 1e6


def test_the_command_prints_every_figure_and_draws_them(exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", "bench", str(exported.bundle), "--threads", "2", "1", "--batches", "1", "3", "--rounds", "1", "--no-openvino"]
    assert main([*words, "--plot", str(tmp_path / "bench.png"), "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert [one["as_float"] for one in results] == [False, True]
    for one in results:
        assert [(entry["threads"], entry["batch"]) for entry in one["throughput"]] == [(2, 1), (2, 3), (1, 1), (1, 3)]
        assert all(entry["frames_per_s"] > 0 for entry in one["throughput"])
        assert 0 < one["latency_ms"]["median"] <= one["latency_ms"]["p90"] <= one["latency_ms"]["p99"]
        assert one["latency_ms"]["n"] == 8
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert main([*words, "--no-float"]) == 0
    assert "bundle (cpu), ONNX Runtime cpu" in capsys.readouterr().out


def test_openvino_answers_as_onnx_runtime_does(exported: Exported) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is a yardstick that need not be installed")
    frames = exported.frames()[:1]
    runtime, yardstick = (
        next(one for one in contenders([exported.bundle], True, True) if one.as_float and one.runtime == name)
        for name in ("onnxruntime", "openvino")
    )
    assert yardstick.open(1)(frames) == pytest.approx(runtime.open(1)(frames), abs=1e-3)


@pytest.mark.parametrize("option", [["--threads", "0"], ["--batches", "-1"], ["--rounds", "0"], ["--plot", "bench.pdf.txt"]])
def test_wrong_options_are_wrong_use(exported: Exported, option: list[str]) -> None:
    assert main(["export", "bench", str(exported.bundle), *option]) == 2


def test_what_cannot_be_measured_is_refused(exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such bundle"):
        contenders([tmp_path / "missing.onnx"], True, False)
    monkeypatch.setattr(module, "has_openvino", lambda: False)
    with pytest.raises(UsageError, match="pip install openvino"):
        contenders([exported.bundle], True, True)
    from bintally.bundle import DEFAULT_BUNDLE

    with pytest.raises(UsageError, match="different sizes"):
        contenders([exported.bundle, DEFAULT_BUNDLE], True, False)
