"""Reading bundles: a bundle that is not exactly what its exporter made is refused by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from bintally.bundle import open_bundle
from bintally.errors import InputError
from bintally.sealed import MANIFEST_KEY
from tests.fakes.bundle import CLASSES, SHARPNESS, SIZE, expected_probabilities, graph, grey, png, repack


def refusal(path: Path, content: bytes) -> str:
    """The text with which a bundle of this content is refused; it must name the file."""
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        open_bundle(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def content(tiny_bundle: Path) -> bytes:
    return tiny_bundle.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some-bundle.onnx"


def test_a_good_bundle_counts_as_its_formula_says(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle, threads=1)
    assert bundle.size == (SIZE, SIZE)
    assert bundle.manifest.open_class == CLASSES - 1
    assert bundle.digest == hashlib.sha256(tiny_bundle.read_bytes()).hexdigest()
    frames = np.stack([grey(count) for count in (0, 1, 2.5, 6)])
    expected = [expected_probabilities(float(frame[0, 0, 0])) for frame in frames]
    np.testing.assert_allclose(bundle.probabilities(frames), expected, atol=1e-5)
    np.testing.assert_allclose(bundle.count_frame(grey(4, 100, 70)), expected_probabilities(144), atol=1e-5)


def test_a_missing_bundle_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(InputError, match=r"some-bundle\.onnx: no such bundle; 'bintally export' makes one"):
        open_bundle(path)


def test_a_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read .* name a bundle's \.onnx file"):
        open_bundle(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_bundle_is_refused(path: Path, content: bytes, share: float) -> None:
    assert "again" in refusal(path, content[: int(share * len(content))])


def test_a_bundle_cut_behind_its_graph_has_no_manifest(path: Path, content: bytes) -> None:
    whole = refusal(path, content[: len(graph().SerializeToString())])
    assert "without bintally's manifest; 'bintally export' makes bundles" in whole


@pytest.mark.parametrize("other", [b"", b"hello, I am a text file\n", b"\x89PNG\r\n\x1a\n" + bytes(200), bytes(5000)])
def test_a_file_that_is_no_onnx_is_refused(path: Path, other: bytes) -> None:
    assert "export" in refusal(path, other)


def test_an_onnx_file_without_manifest_is_refused(path: Path) -> None:
    assert "without bintally's manifest" in refusal(path, graph().SerializeToString())


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("schema", 2, "bundle schema 2; this version reads schema 1; update bintally or export again"),
        ("classes", ["0", "1 or more"], "export the bundle again"),
        ("temperature", 0, "temperature is wrong"),
        ("surprise", 1, "surprise is wrong"),
        ("golden", [], "golden is wrong"),
        ("abstain_below", 1.5, "abstain_below is wrong"),
    ],
)
def test_a_manifest_that_breaks_its_schema_is_refused(path: Path, content: bytes, field: str, value: object, told: str) -> None:
    assert told in refusal(path, repack(content, lambda fields: fields.update({field: value})))


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}"])
def test_a_manifest_that_is_no_manifest_is_refused(path: Path, text: str) -> None:
    model = graph()
    model.metadata_props.add(key=MANIFEST_KEY, value=text)
    assert "manifest" in refusal(path, model.SerializeToString())


def test_an_altered_manifest_is_noticed(path: Path, content: bytes) -> None:
    altered = repack(content, lambda fields: fields.update(abstain_below=0.1), sign=False)
    assert "the manifest was altered after export" in refusal(path, altered)
    assert content.count(b'"grey-counter"') == 1
    assert "altered" in refusal(path, content.replace(b'"grey-counter"', b'"gray-counter"'))


def test_an_altered_graph_is_noticed(path: Path, content: bytes) -> None:
    old, new = (np.array(value, np.float32).tobytes() for value in (-SHARPNESS, -0.5 * SHARPNESS))
    assert content.count(old) == 1
    assert "the graph is not the one that its manifest names" in refusal(path, content.replace(old, new))


def test_an_exchanged_graph_is_noticed(path: Path, content: bytes) -> None:
    other = graph()
    other.graph.name = "evil"
    tail = content[len(graph().SerializeToString()) :]
    assert "the graph is not the one that its manifest names" in refusal(path, other.SerializeToString() + tail)


def test_other_answers_than_the_golden_ones_are_refused(path: Path, content: bytes) -> None:
    def shift(fields: dict[str, Any]) -> None:
        fields["golden"][0]["probabilities"] = expected_probabilities(36).tolist()

    told = refusal(path, repack(content, shift))
    assert "from the golden ones" in told
    assert "export one for this machine" in told


@pytest.mark.parametrize(
    "image", ["*no base64*", "AAAA", png(grey(0, 40, 40)), png(grey(0, SIZE, SIZE + 1))], ids=["text", "no image", "larger", "wider"]
)
@pytest.mark.parametrize("places", [[0], [0, 1, 2]], ids=["one", "all"])
def test_golden_inputs_that_the_graph_cannot_take_are_refused(path: Path, content: bytes, image: str, places: list[int]) -> None:
    def spoil(fields: dict[str, Any]) -> None:
        for place in places:
            fields["golden"][place]["png"] = image

    refusal(path, repack(content, spoil))


def _wider_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = SIZE * 2


def _one_class_less(model: onnx.ModelProto) -> None:
    counts = next(value for value in model.graph.initializer if value.name == "counts")
    counts.CopyFrom(numpy_helper.from_array(np.arange(CLASSES - 1, dtype=np.float32), "counts"))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = CLASSES - 1


@pytest.mark.parametrize("change", [_wider_input, _one_class_less])
def test_a_graph_with_another_signature_than_its_manifest_is_refused(
    path: Path, content: bytes, change: Callable[[onnx.ModelProto], None]
) -> None:
    model = graph()
    change(model)
    body = model.SerializeToString()
    digest = {"graph_bytes": len(body), "graph_sha256": hashlib.sha256(body).hexdigest()}
    tail = repack(content, lambda fields: fields.update(digest))[len(graph().SerializeToString()) :]
    assert "its manifest says otherwise; export it again" in refusal(path, body + tail)


def test_execution_providers_that_are_not_here_are_passed_over(tiny_bundle: Path) -> None:
    open_bundle(tiny_bundle, ("NoSuchProvider", "CPUExecutionProvider"))
    with pytest.raises(InputError, match=r"none of the execution providers NoSuchProvider is here; ONNX Runtime has .*CPU"):
        open_bundle(tiny_bundle, ("NoSuchProvider",))
