"""Make a graph for a target, and judge it against the checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import onnx
import structlog
from numpy.typing import NDArray
from onnxruntime.transformers.float16 import convert_float_to_float16

from bintally.errors import InputError
from bintally.frames import Frame
from bintally.manifest import LayerNoise, Proof
from bintally.manifest_base import Gate
from export.fine_tune import fine_tuned
from export.layers import layer_noise
from export.proof import Comparison, Limits, compared, divergence, gates
from export.quantize import quantize
from export.ranges import METHODS, Histogram, observe, ranges
from export.sessions import probabilities
from export.source import Source
from export.targets import Arithmetic, Target

_SHOWN_LAYERS = 8
_NOISE_FRAMES = 8
_SAME_FRAMES = 16
_NOTHING: Mapping[str, float] = MappingProxyType({})
log = structlog.get_logger()


@dataclass(frozen=True)
class Judged:
    """A target's graph, its answers to the validation frames (float32 [n, 7]), and the proof."""

    target: Target
    model: onnx.ModelProto
    answers: NDArray[np.float32]
    proof: Proof

    @property
    def failed(self) -> list[Gate]:
        """The gates that it did not pass."""
        return [gate for gate in self.proof.gates if not gate.passed]


class Judge:
    """Makes and judges the graphs of one checkpoint; what targets have in common is computed once.

    Args:
        source: the checkpoint.
        limits: what quantization may cost.
        fine_tune: steps of quantization-aware fine-tuning for a graph that fails; 0 for none.
    """

    def __init__(self, source: Source, limits: Limits, fine_tune: int) -> None:
        self._source, self._limits, self._fine_tune = source, limits, fine_tune
        self._judged: list[Judged] = []
        self._divergences: dict[bool, dict[str, float]] = {}

    def judge(self, target: Target) -> Judged:
        """Make the target's graph and judge it."""
        if target.arithmetic:
            judged = self._quantized(target, target.arithmetic)
        elif target.precision == "float16":
            judged = self._proven(target, _float16(self._source.plain))
        else:
            judged = self._as_the_checkpoint(target)
        self._judged.append(judged)
        log.info(
            "judged",
            target=target.name,
            simulated=judged.proof.simulated,
            **{gate.name.replace(" ", "_"): gate.value for gate in judged.proof.gates},
        )
        return judged

    @cached_property
    def _histograms(self) -> dict[str, Histogram]:
        found = observe(self._source.plain, self._source.calibration)
        log.info("calibrated", frames=len(self._source.calibration), tensors=len(found))
        return found

    @cached_property
    def _plain_choosing(self) -> NDArray[np.float32]:
        return probabilities(self._source.plain, self._source.choosing)

    def _quantized(self, target: Target, arithmetic: Arithmetic) -> Judged:
        twin = next((one for one in self._judged if one.target.arithmetic and one.target.arithmetic.kind == arithmetic.kind), None)
        if twin is not None and twin.proof.simulated and not target.runs_here() and not twin.proof.fine_tuned_steps:
            return self._like(twin, target, arithmetic)
        found = self._method(target, arithmetic)
        method = min(METHODS, key=lambda one: found[one])
        model = quantize(self._source.plain, ranges(self._histograms, method, arithmetic.symmetric), arithmetic)
        judged = self._proven(target, model, self._source.plain, found)
        if judged.failed and self._fine_tune:
            log.info("fine-tuning", target=target.name, steps=self._fine_tune, because=", ".join(gate.name for gate in judged.failed))
            plain = fine_tuned(self._source, arithmetic, self._fine_tune)
            histograms = observe(plain, self._source.calibration)
            model = quantize(plain, ranges(histograms, method, arithmetic.symmetric), arithmetic)
            judged = self._proven(target, model, plain, found, self._fine_tune)
        return judged

    def _method(self, target: Target, arithmetic: Arithmetic) -> dict[str, float]:
        """How far each calibration method's answers are from the float graph's, on training frames that calibration did not see.

        Asymmetric arithmetics share the choice: it is about the range of activations, and these they round alike.
        """
        found = self._divergences.setdefault(arithmetic.symmetric, {})
        for method in METHODS if not found else ():
            model = quantize(self._source.plain, ranges(self._histograms, method, arithmetic.symmetric), arithmetic)
            answers = probabilities(model, self._source.choosing, not target.runs_here())
            found[method] = divergence(self._plain_choosing, answers)
        log.info("calibration", target=target.name, **{name.replace("-", "_"): round(value, 5) for name, value in found.items()})
        return found

    def _like(self, twin: Judged, target: Target, arithmetic: Arithmetic) -> Judged:
        """A graph that differs from one that was judged only in what its bytes are called: shown on a few frames, judged by the other's."""
        method = min(METHODS, key=lambda one: twin.proof.calibration[one])
        model = quantize(self._source.plain, ranges(self._histograms, method, arithmetic.symmetric), arithmetic)
        few = probabilities(model, self._source.frames[:_SAME_FRAMES], True)
        if np.array_equal(few, twin.answers[:_SAME_FRAMES]):
            return Judged(target, model, twin.answers, twin.proof)
        return self._proven(target, model, self._source.plain, twin.proof.calibration)

    def _as_the_checkpoint(self, target: Target) -> Judged:
        """The float32 graph, which stands for the checkpoint elsewhere, beside the frames that the checkpoint itself answered."""
        source, asked = self._source, self._source.asked
        groups = [source.groups[i] for i in asked]
        found = compared(source.own_answers, source.answers[asked], source.quantities[asked], groups)
        proof = self._proof(found, target, source.frames[asked])
        return Judged(target, source.plain, source.answers.astype(np.float32), proof)

    def _proven(
        self,
        target: Target,
        model: onnx.ModelProto,
        plain: onnx.ModelProto | None = None,
        calibration: Mapping[str, float] = _NOTHING,
        steps: int = 0,
    ) -> Judged:
        """Judge a graph on all frames; ``plain`` is the float graph that it was quantized from.

        Raises:
            InputError: an answer is no number, as where float16 overflows.
        """
        source = self._source
        answers = probabilities(model, source.frames, not target.runs_here())
        lost = int((~np.isfinite(answers).all(1)).sum())
        if lost:
            raise InputError(
                f"{target.name}: {lost} of {len(answers)} answers are no numbers; no bundle was written; leave this target out"
            )
        found = compared(source.answers, answers, source.quantities, source.groups)
        few = source.frames[:: max(1, len(source.frames) // _NOISE_FRAMES)][:_NOISE_FRAMES]
        noise = layer_noise(plain, model, few) if plain is not None else []
        return Judged(target, model, answers, self._proof(found, target, source.frames, noise, calibration, steps))

    def _proof(
        self,
        found: Comparison,
        target: Target,
        frames: Frame,
        noise: Sequence[LayerNoise] = (),
        calibration: Mapping[str, float] = _NOTHING,
        steps: int = 0,
    ) -> Proof:
        return Proof(
            frames=len(frames),
            frames_sha256=hashlib.sha256(frames.tobytes()).hexdigest(),
            simulated=not target.runs_here(),
            agreement=found.agreement,
            largest_difference=found.largest_difference,
            mean_difference=found.mean_difference,
            before=found.before,
            after=found.after,
            calibration=dict(calibration),
            fine_tuned_steps=steps,
            layers=list(noise[:_SHOWN_LAYERS]),
            gates=gates(found, target.precision, self._limits),
        )


def words(judged: Sequence[Judged]) -> str:
    """What failed, and which layers are to blame; for people."""
    lines = []
    for one in judged:
        for gate in one.failed:
            relation = "at least" if gate.at_least else "at most"
            lines.append(f"{one.target.name}: {gate.name} is {gate.value:.4f}, must be {relation} {gate.limit:g}")
        if one.failed and one.proof.layers:
            worst = ", ".join(f"{noise.layer} (-{noise.lost_db:.1f} dB)" for noise in one.proof.layers[:3])
            lines.append(f"{one.target.name}: the layers that lose most: {worst}")
    return "; ".join(lines)


def _float16(model: onnx.ModelProto) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    converted: onnx.ModelProto = convert_float_to_float16(copied, keep_io_types=True)
    return converted
