"""A station changes its model while it counts: each bin once, whoever counts, and a bad model never for long."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import agent.counting.warm_up
import agent.succession
from agent.counting.counter import Answered, FrameCounter
from agent.updater.shadow import Shadow
from agent.updater.slots import Slots, sha256_of
from bintally.bundle import Bundle, open_bundle
from bintally.errors import InputError, UnavailableError
from bintally.manifest import Manifest
from bintally.messages.base import ModelName
from bintally.messages.model import Limits
from export.pack import pack
from tests.agent.updater.conftest import Fleet
from tests.agent.updater.device import Device
from tests.agent.updater.station import Station
from tests.fakes.bundle import expected_probabilities, graph, grey, manifest, png
from tests.fakes.programs import wait_until

LIMITS = Limits(shadow_frames=12, shadow_s=3600, probation_s=0.5, least_counts=10, errors=1)
AT_ONCE = LIMITS.model_copy(update={"shadow_frames": 0, "probation_s": 3600})


@pytest.fixture
def station(tmp_path: Path, device: Device) -> Iterator[Callable[..., Station]]:
    stations: list[Station] = []

    def station(**settings: Any) -> Station:
        stations.append(Station(tmp_path, device, threads=1, **settings))
        return stations[-1]

    yield station
    for one in stations:
        one.close()


def packed(model: onnx.ModelProto, *golden: tuple[float, float]) -> bytes:
    """A bundle of another graph; ``golden`` are the greys that are shown, and what they are counted as."""
    entries = [{"png": png(grey(shown)), "probabilities": expected_probabilities(36.0 * as_).tolist()} for shown, as_ in golden]
    return pack(model, Manifest, manifest() | {"golden": entries})


def doubling() -> bytes:
    """Counts twice what is there."""
    model = graph()
    for tensor in model.graph.initializer:
        if tensor.name == "step":
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) / 2, "step"))
    return packed(model, (1, 2), (2, 4))


def failing() -> bytes:
    """Cannot be run on more than two items: it looks for their number in a table of four."""
    model = graph()
    nodes, tables = model.graph.node, model.graph.initializer
    tables.append(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tables[0]).astype("float32")[:1].repeat(4) * 0, "table"))
    last = nodes.pop()
    nodes.extend(
        [
            helper.make_node("Cast", ["guess"], ["place"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "place"], ["nothing"]),
            helper.make_node("Add", ["logits", "nothing"], ["sum"]),
            helper.make_node("Softmax", ["sum"], [last.output[0]], axis=1),
        ]
    )
    return packed(model, (0, 0), (2, 2))


def _publish(ours: Fleet, kind: str) -> ModelName:
    if kind == "abstains":
        return ours.publish("3.0.0", abstain_below=1.0)
    if kind == "slow":
        return ours.publish("4.0.0")
    ours.tiny = {"disagrees": doubling, "fails": failing}[kind]()
    return ours.publish("3.0.0")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 4.0.0 takes its time."""
    answer = FrameCounter.answer

    def slowly(self: FrameCounter, *words: Any) -> Answered:
        answered = answer(self, *words)
        waits_ms = 50.0 if self.model.version == "4.0.0" else 0.0
        return Answered(answered.frame, answered.row, answered.frame_ms + waits_ms, answered.abstain_below)

    monkeypatch.setattr(FrameCounter, "answer", slowly)


def test_a_station_switches_between_two_frames_and_counts_every_bin_once(
    station: Callable[..., Station], device: Device, ours: Fleet
) -> None:
    one = station()
    one.show_next()
    one.counts_with("0.1.0")
    one.shown.clear()
    before = len(one.counts)
    device.running.desire(ours.desire(ours.known["1.0.0"], limits=LIMITS))
    one.reaches("active")
    one.show_next()
    assert one.answers[before:] == one.shown
    assert one.versions == sorted(one.versions)
    assert set(one.versions) == {"0.1.0", "1.0.0"}
    assert one.born == ["0.1.0", "1.0.0"]
    report = device.now
    assert report.model == ours.known["1.0.0"]
    assert report.trial is not None
    assert (report.trial.disagreement, report.trial.errors) == (0.0, 0)
    assert report.trial.frames >= 12
    phases = list(dict.fromkeys(told.phase for told in device.reports))
    assert phases[-3:] == ["shadow", "probation", "active"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [("abstains", "are unsure, before 0"), ("disagrees", "have another answer"), ("fails", "could not be counted"), ("slow", "ms, before")],
)
def test_a_bad_model_fails_in_the_shadow_run_and_never_counts(
    station: Callable[..., Station], device: Device, ours: Fleet, slow: None, kind: str, told: str
) -> None:
    del slow
    one, model = station(), _publish(ours, kind)
    device.running.desire(ours.desire(model, limits=LIMITS))
    one.reaches("failed")
    one.show_next()
    assert told in (device.now.reason or "")
    assert one.answers == one.shown
    assert set(one.versions) == {"0.1.0"}


@pytest.mark.parametrize(
    ("kind", "told"), [("abstains", "are unsure, before 0"), ("fails", "could not be counted"), ("slow", "ms, before")]
)
def test_a_model_that_turns_bad_in_its_probation_is_rolled_back_without_a_count_lost(
    station: Callable[..., Station], device: Device, ours: Fleet, slow: None, kind: str, told: str
) -> None:
    del slow
    one, model = station(), _publish(ours, kind)
    device.running.desire(ours.desire(model, limits=AT_ONCE))
    one.reaches("rolled_back")
    one.counts_with("0.1.0")
    one.show_next()
    assert told in (device.now.reason or "")
    assert len(one.counts) == len(one.shown)
    certain = [(count, shown) for count, shown in zip(one.answers, one.shown, strict=True) if count is not None]
    assert all(count == shown for count, shown in certain)
    assert one.versions[-1] == "0.1.0"
    assert one.born == ["0.1.0", model.version, "0.1.0"]


def test_a_larger_revision_in_a_probation_takes_the_switch_back(station: Callable[..., Station], device: Device, ours: Fleet) -> None:
    one, first = station(), ours.known["1.0.0"]
    device.running.desire(ours.desire(first, limits=LIMITS))
    one.reaches("active")
    device.running.desire(ours.desire(ours.known["2.0.0"], limits=AT_ONCE))
    one.counts_with("2.0.0")
    one.show_next()
    device.running.desire(ours.desire(first, limits=LIMITS))
    one.counts_with("1.0.0")
    one.show_next()
    assert device.reaches("active").reason is None
    assert one.answers == one.shown
    assert one.born == ["0.1.0", "1.0.0", "2.0.0", "1.0.0"]


def test_a_station_that_starts_in_a_probation_has_the_model_before_look_on_again(
    station: Callable[..., Station], device: Device, ours: Fleet
) -> None:
    one, model = station(), _publish(ours, "abstains")
    device.running.desire(ours.desire(model, limits=AT_ONCE.model_copy(update={"least_counts": 1000})))
    one.counts_with("3.0.0")
    one.close()
    device.stop()
    record = device.slots.load()
    assert record.wanted is not None
    device.slots.save(record.model_copy(update={"wanted": record.wanted.model_copy(update={"limits": AT_ONCE})}))
    again = station()
    again.until(lambda: bool(again.born), "it counts")
    assert again.born == ["3.0.0"]
    again.reaches("rolled_back")
    again.counts_with("0.1.0")
    assert again.born == ["3.0.0", "0.1.0"]


def test_a_full_disk_holds_the_switch_up_and_never_the_way_back(
    station: Callable[..., Station], device: Device, ours: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = station()
    save, full = Slots.save, [False]

    def saving(slots: Slots, record: Any) -> None:
        if full[0]:
            raise UnavailableError("no space left on device")
        save(slots, record)

    monkeypatch.setattr(Slots, "save", saving)
    device.running.desire(ours.desire(ours.known["1.0.0"], limits=AT_ONCE.model_copy(update={"shadow_frames": 1})))
    device.reaches("shadow")
    full[0] = True
    one.until(lambda: "no space" in (device.now.reason or ""), "the switch waits for the disk")
    one.show_next()
    assert one.counter_version == "0.1.0"
    full[0] = False
    one.counts_with("1.0.0")
    full[0] = True
    assert one.models._trial is not None
    for _ in range(LIMITS.errors + 1):
        one.models._trial.comparison.error()
    one.show_next()
    assert (one.counter_version, device.now.phase) == ("0.1.0", "probation")
    full[0] = False
    one.reaches("rolled_back")
    assert one.answers == one.shown


def _refuse(monkeypatch: pytest.MonkeyPatch, digest: str) -> None:
    """A bundle that opened once is not opened any more."""

    def opening(path: Path, *words: Any) -> Bundle:
        if sha256_of(path) == digest:
            raise InputError("made for another processor")
        return open_bundle(path, *words)

    monkeypatch.setattr(agent.counting.warm_up, "open_bundle", opening)


def test_a_bundle_that_can_no_longer_be_opened_gives_way_to_the_one_that_was_shipped(
    station: Callable[..., Station], device: Device, ours: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = station()
    device.running.desire(ours.desire(ours.known["1.0.0"], limits=LIMITS))
    one.reaches("active")
    one.close()
    device.stop()

    _refuse(monkeypatch, ours.known["1.0.0"].digest)
    again = station()
    again.counts_with("0.1.0")
    again.show_next()
    assert again.answers[-1] == again.shown[-1]


def test_a_bundle_in_probation_that_can_no_longer_be_opened_gives_way_to_the_one_before(
    station: Callable[..., Station], device: Device, ours: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = station()
    device.running.desire(ours.desire(ours.known["1.0.0"], limits=LIMITS))
    one.reaches("active")
    device.running.desire(ours.desire(ours.known["2.0.0"], limits=AT_ONCE))
    one.counts_with("2.0.0")
    one.close()
    device.stop()
    _refuse(monkeypatch, ours.known["2.0.0"].digest)
    again = station()
    again.counts_with("1.0.0")
    assert device.reaches("rolled_back").model == ours.known["1.0.0"]


def test_where_nothing_can_be_opened_the_agent_says_why(
    station: Callable[..., Station], device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opening(path: Path, *_: Any) -> Bundle:
        raise InputError(f"{path}: made for another processor")

    monkeypatch.setattr(agent.counting.warm_up, "open_bundle", opening)
    one = station()
    with pytest.raises(InputError, match="another processor"):
        one.counts_with("0.1.0")
    assert device.slots.load().running, "the next start counts it as a crash, should a new model be the reason"


def test_a_new_model_that_hangs_at_a_frame_is_not_waited_for(
    station: Callable[..., Station], device: Device, ours: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent.succession, "ANSWERS_WITHIN_S", 0.3)
    answer, model = FrameCounter.answer, ours.known["1.0.0"]

    def hang(self: FrameCounter, *words: Any) -> Answered:
        if self.model == model:
            time.sleep(3.0)
        return answer(self, *words)

    monkeypatch.setattr(FrameCounter, "answer", hang)
    one = station()
    device.running.desire(ours.desire(model, limits=LIMITS))
    one.reaches("failed")
    assert "did not answer a frame" in (device.now.reason or "")
    assert one.answers == one.shown


def endless() -> bytes:
    """Never ends with more than two items."""
    model = graph()
    nodes, tables = model.graph.node, model.graph.initializer
    tables.append(onnx.numpy_helper.from_array(np.array([[2.5]], np.float32), "two"))
    tables.append(onnx.numpy_helper.from_array(np.array(True), "first"))
    condition, zero = helper.make_tensor_value_info("more", TensorProto.BOOL, []), np.zeros(1, np.float32)
    body = helper.make_graph(
        [helper.make_node("Identity", ["more"], ["again"]), helper.make_node("Identity", ["nothing"], ["still"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            condition,
            helper.make_tensor_value_info("nothing", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("again", TensorProto.BOOL, []), helper.make_tensor_value_info("still", TensorProto.FLOAT, [1])],
    )
    tables.append(onnx.numpy_helper.from_array(zero, "zero"))
    last = nodes.pop()
    nodes.extend(
        [
            helper.make_node("ReduceMax", ["guess"], ["most"], keepdims=0),
            helper.make_node("Greater", ["most", "two"], ["many"]),
            helper.make_node("Squeeze", ["many"], ["for_ever"]),
            helper.make_node("Loop", ["", "for_ever", "zero"], ["none"], body=body),
            helper.make_node("Add", ["logits", "none"], ["sum"]),
            helper.make_node("Softmax", ["sum"], [last.output[0]], axis=1),
        ]
    )
    return packed(model, (0, 0), (2, 2))


def test_a_new_model_that_loops_for_ever_at_a_frame_is_ended(
    station: Callable[..., Station], device: Device, ours: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent.succession, "ANSWERS_WITHIN_S", 0.3)
    one, ours.tiny = station(), endless()
    device.running.desire(ours.desire(ours.publish("3.0.0"), limits=LIMITS))
    one.reaches("failed")
    assert "did not answer a frame" in (device.now.reason or "")
    wait_until(lambda: not any(thread.lives for thread in one.models._threads), "its thread is free")
    one.show_next()
    assert one.answers == one.shown


def test_beside_a_model_that_nothing_ends_no_other_one_is_tried(
    station: Callable[..., Station], device: Device, ours: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent.succession, "ANSWERS_WITHIN_S", 0.3)
    answer, hangs = FrameCounter.answer, threading.Event()

    def hang(self: FrameCounter, *words: Any) -> Answered:
        if self.model == ours.known["1.0.0"]:
            hangs.wait(60)
        return answer(self, *words)

    monkeypatch.setattr(FrameCounter, "answer", hang)
    one = station()
    device.running.desire(ours.desire(ours.known["1.0.0"], limits=LIMITS))
    one.reaches("failed")
    device.running.desire(ours.desire(ours.known["2.0.0"], limits=LIMITS))
    one.until(lambda: "still hangs" in (device.now.reason or ""), "the next one is not begun with")
    hangs.set()
    wait_until(lambda: not any(isinstance(thread, Shadow) and thread.lives for thread in one.models._threads), "it hangs no more")
    device.running.desire(ours.desire(ours.known["2.0.0"], limits=LIMITS))
    one.reaches("active")
    assert one.answers == one.shown


def test_without_updates_nothing_of_them_is_loaded() -> None:
    code = "import sys, agent.run; print([name for name in ('tuf', 'agent.updater.updater', 'agent.updater.fetch') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_trials_end_with_their_thread(station: Callable[..., Station], device: Device, ours: Fleet) -> None:
    one = station()
    device.running.desire(ours.desire(ours.known["1.0.0"], limits=LIMITS.model_copy(update={"shadow_frames": 1000})))
    one.until(lambda: bool(device.now.trial and device.now.trial.frames), "figures of the shadow run are told")
    device.running.desire(b"")
    one.reaches("idle")
    one.show_next()
    wait_until(lambda: not any(thread.lives for thread in one.models._threads), "nobody looks on any more")
