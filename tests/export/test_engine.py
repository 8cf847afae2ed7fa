"""``bintally export engine``: both kinds of engine with one command, or one line that says what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnxruntime as ort
import pytest

from bintally.errors import InputError, UnavailableError, UsageError
from bintally.tensorrt.artifact import read_engine
from bintally.tensorrt.machine import Machine
from export.engine_cli import engine
from tests.fakes.bundle import repack
from tests.fakes.provider import fake_gpu

ORIN = Machine(gpu="Orin", compute_capability="8.7", tensorrt="10.3.0", cuda_driver="12.6", onnxruntime="1.23.2")
Ask = Callable[[], Machine]


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> str:
    path = tmp_path / "grey.onnx"
    path.write_bytes(repack(tiny_bundle.read_bytes(), lambda fields: fields.update(target="tensorrt")))
    return str(path)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Ask, Ask], None]:
    """Decide what the machine says of itself."""
    fake_gpu(monkeypatch, tmp_path / "site")
    return lambda provider, plain: monkeypatch.setattr("export.engine.ASK", {"provider": provider, "plain": plain})


def _missing() -> Machine:
    raise UnavailableError("TensorRT is not here; run: pip install tensorrt")


def test_both_kinds_are_built_and_shown(
    bundle: str, here: Callable[[Ask, Ask], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here(lambda: ORIN, lambda: ORIN.model_copy(update={"tensorrt": "11.4.0.106"}))
    out = tmp_path / "deep" / "engines"
    assert engine([bundle, "--out", str(out), "--batch", "1", "2", "4"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith(f"{out}/provider: grey-counter 1.2.3, built in ")
    assert lines[1] == f"  for {ORIN}; batches of 1 to 4, best 2"
    assert lines[2].startswith(f"{out}/plain: ")
    assert "TensorRT 11.4.0.106" in lines[3]
    assert "building an engine" in said.err
    assert engine([bundle, "--out", str(out), "--batch", "1", "2", "4", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again == [
        {"folder": str(out / kind), **read_engine(out / kind, kind).model_dump(by_alias=True)} for kind in ("provider", "plain")
    ]


def test_what_is_missing_for_one_kind_is_said_before_the_other_is_built(
    bundle: str, here: Callable[[Ask, Ask], None], tmp_path: Path
) -> None:
    here(lambda: ORIN, _missing)
    with pytest.raises(UnavailableError, match=r"no plain engine can be built here: TensorRT is not .* \(or give --kind provider\)"):
        engine([bundle, "--out", str(tmp_path / "engines")])
    assert not (tmp_path / "engines").exists()
    assert engine([bundle, "--out", str(tmp_path / "engines"), "--kind", "provider"]) == 0
    assert [path.name for path in (tmp_path / "engines").iterdir()] == ["provider"]


def test_where_nothing_is_here_one_line_says_what_to_install(bundle: str, tmp_path: Path) -> None:
    if "TensorrtExecutionProvider" in ort.get_available_providers():
        pytest.skip("ONNX Runtime has a TensorRT provider here")
    with pytest.raises(UnavailableError) as refused:
        engine([bundle, "--out", str(tmp_path / "engines")])
    assert str(refused.value).startswith("no provider engine can be built here: ONNX Runtime ")
    assert "pip install onnxruntime-gpu" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "engines").exists()


def test_batch_sizes_out_of_order_are_wrong_use(bundle: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="batch sizes 4 1 2"):
        engine([bundle, "--out", str(tmp_path), "--batch", "4", "1", "2"])


def test_a_bundle_for_the_processor_and_a_file_in_the_way_are_refused(
    tiny_bundle: Path, bundle: str, here: Callable[[Ask, Ask], None], tmp_path: Path
) -> None:
    here(lambda: ORIN, lambda: ORIN)
    with pytest.raises(InputError, match=r"is for any CPU: .* --target tensorrt \(or float or float16\)"):
        engine([str(tiny_bundle), "--out", str(tmp_path / "engines")])
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot make this folder"):
        engine([bundle, "--out", str(tmp_path / "file")])


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        engine(["--help"])
    assert left.value.code == 0
    assert "example: bintally export engine " in capsys.readouterr().out
