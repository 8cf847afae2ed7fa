"""A tiny but real travel-time bundle: a formula in plain ONNX operators, which tests know, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from bintally.labels import Label
from bintally.layouts import Cart, Ladder
from bintally.travel_time import TravelTimeManifest
from export.pack import pack

AWAY, SPREAD = 0.25, 0.005
TIMES = (2.0, 0.5)
"""What the bases are multiplied by."""
MOST_PICKS = 8


def expected(columns: NDArray[Any], y_m: NDArray[Any], quantities: NDArray[Any], *base: float) -> tuple[float, float]:
    """What the graph answers to one list: value and spread, by a plain formula."""
    value = float(np.dot(TIMES[: len(base)], base)) + float((quantities * (columns + AWAY * y_m)).sum())
    return value, SPREAD * len(columns)


def graph(bases: int = 1) -> onnx.ModelProto:
    """The ONNX graph, without a manifest."""
    constants: dict[str, NDArray[Any]] = {
        "axes": np.array([1, 2], np.int64),
        "one": np.array([1], np.int64),
        "places": np.array([1.0, AWAY], np.float32),
        "times": np.array(TIMES[:bases], np.float32),
        "zero": np.array(0, np.float32),
        "each": np.array(SPREAD, np.float32),
    }
    nodes = [
        helper.make_node("Split", ["picks"], ["column", "y", "quantity"], axis=2, num_outputs=3),
        helper.make_node("Concat", ["column", "y"], ["at"], axis=2),
        helper.make_node("Mul", ["at", "places"], ["weighed"]),
        helper.make_node("Mul", ["weighed", "quantity"], ["each_pick"]),
        helper.make_node("ReduceSum", ["each_pick", "axes"], ["of_picks"], keepdims=0),
        helper.make_node("Mul", ["base", "times"], ["multiplied"]),
        helper.make_node("ReduceSum", ["multiplied", "one"], ["of_base"], keepdims=0),
        helper.make_node("Add", ["of_picks", "of_base"], ["value"]),
        helper.make_node("Greater", ["quantity", "zero"], ["there"]),
        helper.make_node("Cast", ["there"], ["taken"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["taken", "axes"], ["count"], keepdims=0),
        helper.make_node("Mul", ["count", "each"], ["spread"]),
    ]
    body = helper.make_graph(
        nodes,
        "formula",
        [_floats("picks", ["N", "L", 3]), _floats("base", ["N", bases])],
        [_floats("value", ["N"]), _floats("spread", ["N"])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def manifest(ladder: Ladder, cart: Cart | None, bases: Sequence[str] = ("plain_m",)) -> dict[str, Any]:
    """The manifest's fields, but for those that ``pack`` adds."""
    column = ladder.aisles.index(True)
    picks = [[(column, 1.0, 1.0)], [(column, 1.0, 2.0), (column, 1.5, 1.0)]]
    base = [10.0, 20.0][: len(bases)]
    answers = [expected(columns, y_m, quantities, *base) for columns, y_m, quantities in (np.array(one).T for one in picks)]
    return {
        "schema": 1,
        "name": "formula",
        "version": "1.2.3",
        "ladder": ladder,
        "cart": cart,
        "label": "cart_s",
        "what": Label(unit="s", about="a formula"),
        "bases": bases,
        "most_picks": MOST_PICKS,
        "measured": {"lists": 1, "scores": {"error": 0.0}, "spread": {}, "baselines": {}},
        "proof": {"lists": 1, "gates": [{"name": "largest relative difference", "value": 0.0, "limit": 0.001}]},
        "training": {},
        "data_digest": "0" * 64,
        "source_commit": "none",
        "licence": "Apache-2.0",
        "golden": [
            {"picks": one, "base": base, "value": value, "spread": spread} for one, (value, spread) in zip(picks, answers, strict=True)
        ],
        "golden_tolerance": 0.001,
    }


def formula_bundle_bytes(ladder: Ladder, cart: Cart | None, bases: Sequence[str] = ("plain_m",), **fields: Any) -> bytes:
    """A bundle as ``bintally export`` packs it; fields replace those of the manifest."""
    return pack(graph(len(bases)), TravelTimeManifest, {**manifest(ladder, cart, bases), **fields})


def _floats(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
