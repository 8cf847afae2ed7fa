"""A tiny but real bundle: a grey frame of brightness ``36 * k`` is counted as k."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from bintally import abid
from bintally.manifest import Manifest
from bintally.sealed import DIGEST_KEY, MANIFEST_KEY
from export.pack import pack

SIZE, CLASSES = 32, 7
GREY_STEP, SHARPNESS = 36.0, 4.0
_GOLDEN_COUNTS = (0, 2, 5)


def expected_probabilities(brightness: float) -> NDArray[np.float64]:
    """What the graph answers to a frame of one brightness, by a plain formula."""
    logits = -SHARPNESS * (brightness / GREY_STEP - np.arange(CLASSES)) ** 2
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def grey(count: float, height: int = SIZE, width: int = SIZE) -> NDArray[np.uint8]:
    """A frame that is counted as ``count``; a half between two counts leaves the counter unsure."""
    return np.full((height, width, 3), min(255, round(GREY_STEP * count)), np.uint8)


def graph() -> onnx.ModelProto:
    """The ONNX graph, without a manifest."""
    constants = {
        "axes": np.array([1, 2, 3], np.int64),
        "step": np.array(GREY_STEP, np.float32),
        "shape": np.array([-1, 1], np.int64),
        "counts": np.arange(CLASSES, dtype=np.float32),
        "sharpness": np.array(-SHARPNESS, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["frames"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values", "axes"], ["mean"], keepdims=1),
        helper.make_node("Reshape", ["mean", "shape"], ["column"]),
        helper.make_node("Div", ["column", "step"], ["guess"]),
        helper.make_node("Sub", ["guess", "counts"], ["off"]),
        helper.make_node("Mul", ["off", "off"], ["square"]),
        helper.make_node("Mul", ["square", "sharpness"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    body = helper.make_graph(
        nodes,
        "grey",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["N", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", CLASSES])],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def manifest() -> dict[str, Any]:
    """The manifest's fields, but for those that ``pack`` adds."""
    return {
        "schema": 1,
        "name": "grey-counter",
        "version": "1.2.3",
        "target": "any CPU",
        "input": {"height": SIZE, "width": SIZE},
        "classes": [*map(str, range(CLASSES - 1)), f"{CLASSES - 1} or more"],
        "temperature": 1.0,
        "abstain_below": 0.6,
        "promised_accuracy": 0.9,
        "measured": [],
        "recipe": {},
        "training": {},
        "source_commit": "none",
        "licence": "Apache-2.0",
        "golden": [{"png": png(grey(count)), "probabilities": expected_probabilities(36.0 * count).tolist()} for count in _GOLDEN_COUNTS],
        "golden_tolerance": 0.01,
    }


def tiny_bundle_bytes() -> bytes:
    """A bundle as ``bintally export`` packs it."""
    return pack(graph(), Manifest, manifest())


def repack(content: bytes, change: Callable[[dict[str, Any]], None] = lambda _: None, *, sign: bool = True) -> bytes:
    """Change the manifest of a bundle; without ``sign`` the manifest's digest stays the old one."""
    model = onnx.load_from_string(content)
    stored = {entry.key: entry.value for entry in model.metadata_props}
    fields = json.loads(stored[MANIFEST_KEY])
    body = content[: fields["graph_bytes"]]
    change(fields)
    text = json.dumps(fields)
    tail = onnx.ModelProto()
    tail.metadata_props.add(key=MANIFEST_KEY, value=text)
    tail.metadata_props.add(key=DIGEST_KEY, value=hashlib.sha256(text.encode()).hexdigest() if sign else stored[DIGEST_KEY])
    return body + bytes(tail.SerializeToString())


def png(frame: NDArray[np.uint8]) -> str:
    """A frame as base64 of a PNG, as golden inputs stand in a manifest."""
    done, data = cv2.imencode(".png", frame)
    assert done
    return base64.b64encode(data.tobytes()).decode()


def write_grey_images(folder: Path, counts: list[float], first: int = 1) -> list[Path]:
    """Write ``bin-<n>.jpg`` files that the tiny bundle counts as given, larger than the graph's input."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, count in enumerate(counts, first):
        path = folder / f"bin-{number:03}.jpg"
        done, data = cv2.imencode(".jpg", grey(count, 48, 64), (cv2.IMWRITE_JPEG_QUALITY, 95))
        assert done
        part = path.with_suffix(".part")
        part.write_bytes(data.tobytes())
        paths.append(part.replace(path))
    return paths


def write_grey_bins(out: Path, counts: list[int]) -> Path:
    """The same as a data set in ABID's layout; returns the folder of the images."""
    (out / abid.METADATA).mkdir(parents=True)
    for path, count in zip(write_grey_images(out / abid.IMAGES, [float(count) for count in counts]), counts, strict=True):
        abid.metadata_path(path).write_text(abid.metadata_json(count, {"A": count}, {}))
    return out / abid.IMAGES
