"""Reading travel-time bundles: one that is not exactly what its exporter made is refused by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from bintally.bundle import open_bundle
from bintally.errors import InputError
from bintally.layouts import Cart
from bintally.layouts.generate import regular_ladder
from bintally.travel_time import TravelTimeManifest
from bintally.travel_time.network import open_network
from export.pack import pack
from tests.fakes import travel_time as fakes
from tests.fakes.bundle import repack

LADDER, CART = regular_ladder(3, 2, pitch_m=1 / 3), Cart(hands=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "travel.onnx"


@pytest.fixture
def content() -> bytes:
    return fakes.formula_bundle_bytes(LADDER, CART)


def refusal(path: Path, content: bytes) -> str:
    """The text with which a bundle of this content is refused; it must name the file."""
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        open_network(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(("number", "longest"), [(1, 1), (1, 40), (7, 3)])
def test_a_good_bundle_estimates_lists_in_any_number_and_of_any_length(path: Path, content: bytes, number: int, longest: int) -> None:
    path.write_bytes(content)
    network = open_network(path)
    picks = np.random.default_rng(0).integers(0, 3, (number, longest, 3)).astype(np.float32)
    picks[:, :, 2] += 1
    base = np.linspace(10, 20, number, dtype=np.float32)
    value, spread = network.run(picks, base)
    wanted = [fakes.expected(one[:, 0], one[:, 1], one[:, 2], float(base_m)) for one, base_m in zip(picks, base, strict=True)]
    np.testing.assert_allclose(np.array([value, spread]).T, wanted, rtol=1e-5)


def test_padding_changes_nothing(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    picks, base = np.ones((2, 4, 3), np.float32), np.ones(2, np.float32)
    longer = np.concatenate([picks, np.zeros((2, 9, 3), np.float32)], 1)
    network = open_network(path)
    np.testing.assert_array_equal(network.run(picks, base), network.run(longer, base))


def test_ladder_and_cart_come_back_to_the_bit(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    manifest = open_network(path).manifest
    assert (manifest.ladder, manifest.cart) == (LADDER, CART)


def test_a_bundle_given_to_the_wrong_reader_is_told_by_what_it_does(path: Path, content: bytes, tiny_bundle: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"travel\.onnx: this bundle estimates how long pick lists take .* one is needed that counts"):
        open_bundle(path)
    assert "this bundle counts what is in bins; here one is needed that estimates" in refusal(path, tiny_bundle.read_bytes())


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_bundle_is_refused(path: Path, content: bytes, share: float) -> None:
    assert "again" in refusal(path, content[: int(share * len(content))])


def test_an_altered_graph_or_manifest_is_noticed(path: Path, content: bytes) -> None:
    old, new = (np.array([1, value], np.float32).tobytes() for value in (fakes.AWAY, 0.5))
    assert content.count(old) == 1
    assert "the graph is not the one that its manifest names" in refusal(path, content.replace(old, new))
    assert "the manifest was altered" in refusal(path, repack(content, lambda fields: fields.update(most_picks=99), sign=False))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda fields: fields.update(schema=2), "bundle schema 2; this version reads schema 1"),
        (lambda fields: fields.update(most_picks=0), "most_picks is wrong"),
        (lambda fields: fields.update(surprise=1), "surprise is wrong"),
        (lambda fields: fields.update(golden=[]), "golden is wrong"),
        (lambda fields: fields.update(task="weigh"), "task is wrong"),
        (lambda fields: fields["ladder"].update(y_m=[0.0]), "at least 2 cross aisles"),
        (lambda fields: fields["cart"].update(walk_m_s=-1), "speeds of -1 m/s"),
        (lambda fields: fields["golden"][0].update(value="a lot"), "golden.0.value is wrong"),
        (lambda fields: fields["golden"][0].update(value=1.0), r"from the golden ones \(at most 0.10%\)"),
        (lambda fields: fields["golden"][0].update(spread=1e-9), "from the golden ones"),
    ],
)
def test_a_manifest_that_cannot_be_true_is_refused(path: Path, content: bytes, change: Callable[[dict[str, Any]], None], told: str) -> None:
    assert told.replace("\\", "") in refusal(path, repack(content, change))


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0)])
def test_a_graph_for_a_fixed_number_or_length_of_lists_is_refused(path: Path, place: tuple[int, int]) -> None:
    model = fakes.graph()
    model.graph.input[place[0]].type.tensor_type.shape.dim[place[1]].dim_value = 2
    assert "no travel-time graph; export it again" in refusal(path, pack(model, TravelTimeManifest, fakes.manifest(LADDER, CART)))


def test_a_graph_with_other_outputs_is_refused(path: Path) -> None:
    model = fakes.graph()
    del model.graph.output[1]
    assert "no travel-time graph" in refusal(path, pack(model, TravelTimeManifest, fakes.manifest(LADDER, CART)))


def test_golden_lists_that_the_graph_cannot_take_are_refused(path: Path) -> None:
    model = fakes.graph()
    twice = next(value for value in model.graph.initializer if value.name == "two")
    twice.CopyFrom(onnx.numpy_helper.from_array(np.full(3, 2, np.float32), "two"))
    told = refusal(path, pack(model, TravelTimeManifest, fakes.manifest(LADDER, CART)))
    assert "its golden lists cannot be run" in told


def test_the_warehouse_needs_no_opencv_to_open_it() -> None:
    code = "import sys, json, bintally.travel_time.network; print(json.dumps(sorted({'cv2', 'torch', 'onnx'} & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == []
