"""Metrics in Prometheus' text format: the snapshot and the sensors as they are when scraped, and how long each step took."""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, get_args

from agent.health.health import frame_age_s
from agent.health.sensors import Readings
from agent.status import Snapshot
from bintally import __version__
from bintally.messages import CameraHealth, Phase
from bintally.messages.model import UpdatePhase

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Step = Literal["grab_to_seen", "resize", "inference", "commit"]
"""From the grab until the loop saw the frame; the parts of a count; its commit to the outbox."""
BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """All metrics of one agent; prometheus_client is loaded at the first scrape, so that an agent without a page does without it.

    Args:
        snapshot: gives ``agent.status``'s.
        sensors: reads the device's.
        evidence_bytes: space that kept frames take.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        sensors: Callable[[], Readings],
        evidence_bytes: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._snapshot, self._sensors, self._evidence_bytes, self._clock = snapshot, sensors, evidence_bytes, clock
        self._lock = threading.Lock()
        self._steps = {step: [0] * (len(BUCKETS_S) + 1) for step in get_args(Step)}
        self._sums = dict.fromkeys(get_args(Step), 0.0)

    def observe(self, step: Step, seconds: float) -> None:
        """Remember how long a step took; may be called from any thread."""
        bucket = bisect.bisect_left(BUCKETS_S, seconds)
        with self._lock:
            self._steps[step][bucket] += 1
            self._sums[step] += seconds

    def text(self) -> bytes:
        """What a scrape gets, in ``CONTENT_TYPE``."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read the sensors."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics now, as prometheus_client asks for them."""
        snapshot, readings = self._snapshot(), self._sensors()
        yield from _camera(snapshot, self._clock())
        yield from _counting(snapshot)
        yield from _delivery(snapshot)
        yield from _device(readings, self._evidence_bytes())
        yield self._histogram()

    def _histogram(self) -> Metric:
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily("bintally_step_seconds", "How long a step of counting took.", labels=["step"])
        with self._lock:
            counted = {step: (list(buckets), self._sums[step]) for step, buckets in self._steps.items()}
        for step, (buckets, total_s) in counted.items():
            so_far = [sum(buckets[: end + 1]) for end in range(len(buckets))]
            family.add_metric([step], list(zip([*map(str, BUCKETS_S), "+Inf"], so_far, strict=True)), total_s)
        return family


def _camera(snapshot: Snapshot, now: float) -> Iterator[Metric]:
    camera = snapshot.camera
    yield from _gauge("bintally_frame_age_seconds", "Age of the newest frame.", frame_age_s(snapshot, now))
    yield from _gauge("bintally_camera_frames_per_second", "Frames that the camera gives.", camera.frames_per_s)
    yield _counter("bintally_camera_restarts", "Restarts of the camera since the start.", camera.restarts)
    states = get_args(CameraHealth.model_fields["state"].annotation)
    yield _one_of("bintally_camera_state", "1 for the state of the camera.", "state", states, camera.state)


def _counting(snapshot: Snapshot) -> Iterator[Metric]:
    yield _one_of("bintally_phase", "1 for what the agent does now.", "phase", get_args(Phase), snapshot.phase)
    yield _counter("bintally_counts", "Counts since the start.", snapshot.counted)
    yield _counter("bintally_counts_unsure", "Counts without an answer since the start.", snapshot.unsure)
    yield _info("bintally_build", "Version of the agent.", {"version": __version__})
    if snapshot.model is not None:
        yield _info("bintally_model", "The bundle that counts.", dict(snapshot.model))
    if snapshot.update is not None:
        yield _one_of(
            "bintally_update_phase", "1 for how far the desired bundle is.", "phase", get_args(UpdatePhase), snapshot.update.phase
        )
        if snapshot.update.wanted is not None:
            yield _info("bintally_update_wanted", "The bundle that is desired.", dict(snapshot.update.wanted))
    if snapshot.providers:
        yield _info("bintally_provider", "ONNX Runtime's execution providers, by preference.", {"providers": ",".join(snapshot.providers)})


def _delivery(snapshot: Snapshot) -> Iterator[Metric]:
    yield from _gauge("bintally_broker_connected", "1 where there is a connection to the broker.", snapshot.connected)
    yield from _gauge("bintally_outbox_events", "Events that wait for an acknowledgement.", snapshot.outbox_depth)
    yield from _gauge("bintally_outbox_oldest_seconds", "How long the oldest of them waits.", snapshot.outbox_oldest_s)
    yield from _gauge("bintally_ack_lag_seconds", "From publish to acknowledgement, of the last one.", snapshot.ack_lag_s)


def _device(readings: Readings, evidence_bytes: int) -> Iterator[Metric]:
    yield from _gauge("bintally_temperature_celsius", "Hottest CPU or GPU zone.", readings.temperature_c)
    yield from _gauge("bintally_throttled", "1 where the device slows down to keep cool.", readings.throttled)
    yield from _gauge("bintally_clock_synchronised", "1 where the clock is set.", readings.clock_synchronised)
    yield from _gauge("bintally_disk_free_bytes", "Free space where the state folder lies.", readings.disk_free_bytes)
    yield from _gauge("bintally_resident_memory_bytes", "Resident memory of the agent and its camera.", readings.resident_bytes)
    yield from _gauge("bintally_evidence_bytes", "Space that kept frames take.", evidence_bytes)


def _gauge(name: str, text: str, value: float | None) -> Iterator[Metric]:
    """A gauge; none where the value cannot be told, as 0 would be a lie."""
    from prometheus_client.core import GaugeMetricFamily

    if value is not None:
        yield GaugeMetricFamily(name, text, value=float(value))


def _counter(name: str, text: str, value: int) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(name, text, value=value)


def _one_of(name: str, text: str, label: str, values: tuple[str, ...], now: str) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, text, labels=[label])
    for value in values:
        family.add_metric([value], float(value == now))
    return family


def _info(name: str, text: str, labels: dict[str, str]) -> Metric:
    from prometheus_client.core import InfoMetricFamily

    return InfoMetricFamily(name, text, value=labels)
