"""Small data sets for the tests: folders in ABID's layout, weights, and bundles that answer by a formula."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torchvision.models import resnet50

from bintally import abid
from bintally.files import write_atomically
from bintally.frames import Frame
from bintally.manifest import Manifest
from export.pack import pack

SIDE = 32


def write_bin(folder: Path, image_id: str, quantity: int, asins: Sequence[str] = ()) -> Path:
    """One small image with its metadata; the picture depends on the id alone."""
    image = folder / abid.IMAGES / f"{image_id}.jpg"
    image.parent.mkdir(parents=True, exist_ok=True)
    abid.metadata_path(image).parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(image_id.encode()))
    frame = cv2.resize(rng.integers(0, 256, (6, 6, 3), np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    image.write_bytes(cv2.imencode(".jpg", frame)[1].tobytes())
    abid.metadata_path(image).write_text(abid.metadata_json(quantity, dict.fromkeys(asins, 1), {}))
    return image


def write_bins(folder: Path, number: int) -> Path:
    """Images with 0 to 6 items in turn, each with an article of its own."""
    for i in range(number):
        write_bin(folder, f"{i:05}", i % 7, [f"ASIN-{i}"])
    return folder


def write_random_resnet(path: Path) -> Path:
    """A state dict of torchvision's resnet50 with random weights and batch norms that have seen some noise."""
    torch.manual_seed(11)
    net = resnet50()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        net.train()(torch.randn(8, 3, 64, 64))
    torch.save(net.state_dict(), path)
    return path


def colour_probabilities(frames: Frame, matrix: np.ndarray) -> np.ndarray:
    """What the bundle of ``write_colour_bundle`` must answer: a softmax over the mean colour."""
    logits = frames.reshape(len(frames), -1, 3).astype(np.float64).mean(1) @ matrix
    spread = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(spread / spread.sum(1, keepdims=True))


def write_colour_bundle(path: Path, matrix: np.ndarray, temperature: float = 1.0) -> Path:
    """A bundle that counts by the mean colour of a frame.

    Args:
        path: where to.
        matrix: float [3, classes], from mean B, G, R (0 to 255) to logits.
        temperature: what the manifest says; the matrix holds it already.
    """
    classes = matrix.shape[1]
    nodes = [
        helper.make_node("Cast", ["frames"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "matrix"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    weights = [numpy_helper.from_array(np.array([1, 2]), "axes"), numpy_helper.from_array(matrix.astype(np.float32), "matrix")]
    frames = helper.make_tensor_value_info("frames", TensorProto.UINT8, ["N", SIDE, SIDE, 3])
    answers = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", classes])
    graph = helper.make_graph(nodes, "colour", [frames], [answers], weights)
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    golden = np.full((1, SIDE, SIDE, 3), 90, np.uint8)
    manifest: dict[str, Any] = {
        "schema": 1,
        "name": "colour",
        "version": "1.0.0",
        "target": "any",
        "input": {"height": SIDE, "width": SIDE},
        "classes": [str(k) for k in range(classes)],
        "temperature": temperature,
        "abstain_below": 0.5,
        "promised_accuracy": 0.9,
        "measured": [],
        "recipe": {},
        "training": {},
        "source_commit": "unknown",
        "licence": "for tests",
        "golden": [
            {
                "png": base64.b64encode(cv2.imencode(".png", golden[0])[1].tobytes()).decode(),
                "probabilities": colour_probabilities(golden, matrix)[0].tolist(),
            }
        ],
        "golden_tolerance": 0.001,
    }
    write_atomically(path, pack(model, Manifest, manifest))
    return path
