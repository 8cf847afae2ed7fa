"""Run graphs on frames, with this machine's integer kernels or as their rounding is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from bintally.errors import InputError
from bintally.frames import Frame


def session(model: onnx.ModelProto, simulated: bool = False, threads: int = 0) -> ort.InferenceSession:
    """Open a graph on the CPU.

    Args:
        model: any graph.
        simulated: round as the graph is written, but compute in float32, whatever integer kernels this machine has: ONNX Runtime
            then runs Q and DQ as they stand, instead of fusing them with the layers between.
        threads: for one request; 0 for one a core.

    Raises:
        InputError: the graph holds what ONNX Runtime cannot run.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    if simulated:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
        raise InputError(f"ONNX Runtime cannot run the graph ({str(error).partition(chr(10))[0][:200]})") from error


def probabilities(model: onnx.ModelProto, frames: Frame, simulated: bool = False) -> NDArray[np.float32]:
    """A graph's answers: float32 [n, classes] for frames uint8 [n, height, width, 3]; the same for a frame alone and in any batch."""
    opened = session(model, simulated, threads=1)

    def answer(number: int) -> NDArray[np.float32]:
        row: NDArray[np.float32] = opened.run(["probabilities"], {"frames": frames[number : number + 1]})[0]
        return row

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # a frame a core is a fifth faster than all cores on one frame
        return np.concatenate(list(pool.map(answer, range(len(frames)))))


def float_tensors(model: onnx.ModelProto) -> list[str]:
    """Names of the float32 tensors that a graph's nodes give, as far as its shapes were inferred."""
    known = {value.name: value.type.tensor_type.elem_type for value in [*model.graph.value_info, *model.graph.output]}
    return [name for node in model.graph.node for name in node.output if known.get(name) == onnx.TensorProto.FLOAT]


def activations(
    model: onnx.ModelProto, names: Sequence[str], frames: Frame, simulated: bool = False, batch: int = 4
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """The named tensors of a graph, for one batch of frames after the other."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    given = {output.name for output in shown.graph.output}
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in given)
    opened = session(shown, simulated)
    for start in range(0, len(frames), batch):
        yield dict(zip(names, opened.run(list(names), {"frames": frames[start : start + batch]}), strict=True))
