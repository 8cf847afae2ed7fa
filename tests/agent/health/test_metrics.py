"""Metrics, read back with Prometheus' own parser."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.health.metrics import BUCKETS_S, Metrics
from agent.health.sensors import Readings
from agent.status import Snapshot
from bintally.messages import ModelName
from bintally.messages.model import ModelReported
from tests.agent.health.test_health import AT, SESSION, SNAPSHOT

READINGS = Readings(5_000, 61.5, True, False, 200_000_000)


def scrape(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels; a sample that comes twice fails."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        assert family.type != "unknown"
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: SNAPSHOT, lambda: READINGS, lambda: 77, lambda: 101.5)


def test_the_snapshot_is_told_as_it_is_when_scraped(metrics: Metrics) -> None:
    found = scrape(metrics)
    plain = {name: value for (name, labels), value in found.items() if not labels}
    expected = {
        "bintally_frame_age_seconds": 1.5,
        "bintally_camera_frames_per_second": 9.9,
        "bintally_camera_restarts_total": 2,
        "bintally_counts_total": 7,
        "bintally_counts_unsure_total": 1,
        "bintally_broker_connected": 1,
        "bintally_outbox_events": 3,
        "bintally_outbox_oldest_seconds": 12.34,
        "bintally_temperature_celsius": 61.5,
        "bintally_throttled": 1,
        "bintally_clock_synchronised": 0,
        "bintally_disk_free_bytes": 5_000,
        "bintally_resident_memory_bytes": 200_000_000,
        "bintally_evidence_bytes": 77,
    }
    assert plain == expected
    assert found["bintally_model_info", (("digest", "ab"), ("name", "grey"), ("version", "1.2.3"))] == 1
    assert found["bintally_provider_info", (("providers", "CPUExecutionProvider"),)] == 1


def test_the_agent_is_in_one_phase_and_its_camera_in_one_state(metrics: Metrics) -> None:
    found = scrape(metrics)
    for name, now in (("bintally_phase", "counting"), ("bintally_camera_state", "live")):
        states = {labels[0][1]: value for (sample, labels), value in found.items() if sample == name}
        assert len(states) > 3
        assert [state for state, value in states.items() if value] == [now]


def test_an_update_is_in_one_phase_and_a_station_without_updates_in_none(metrics: Metrics) -> None:
    wanted = ModelName(name="grey", version="1.3.0", digest="cd")
    report = ModelReported(session=SESSION, at=AT, revision=1, phase="shadow", model=None, wanted=wanted, device="cpu", agent="0.1.0")
    found = scrape(Metrics(lambda: replace(SNAPSHOT, update=report), lambda: READINGS))
    assert [labels for (name, labels), value in found.items() if name == "bintally_update_phase" and value] == [(("phase", "shadow"),)]
    assert found["bintally_update_wanted_info", (("digest", "cd"), ("name", "grey"), ("version", "1.3.0"))] == 1
    assert not any(name.startswith("bintally_update") for name, _ in scrape(metrics))


def test_what_is_not_known_has_no_sample_instead_of_a_zero() -> None:
    found = {name for name, _ in scrape(Metrics(Snapshot, lambda: Readings(1)))}
    for missing in ("frame_age_seconds", "temperature_celsius", "throttled", "ack_lag_seconds", "outbox_oldest_seconds", "model_info"):
        assert f"bintally_{missing}" not in found
    assert "bintally_disk_free_bytes" in found


def test_steps_fall_into_the_buckets_that_hold_them(metrics: Metrics) -> None:
    times = (0.0005, 0.001, 0.0011, 0.02, 0.8, 7.0)
    for seconds in times:
        metrics.observe("inference", seconds)
    found = scrape(metrics)
    for bound in (*BUCKETS_S, float("inf")):
        key = "+Inf" if bound == float("inf") else str(bound)
        assert found["bintally_step_seconds_bucket", (("le", key), ("step", "inference"))] == sum(seconds <= bound for seconds in times)
    assert found["bintally_step_seconds_count", (("step", "inference"),)] == len(times)
    assert found["bintally_step_seconds_sum", (("step", "inference"),)] == pytest.approx(sum(times))
    assert found["bintally_step_seconds_count", (("step", "commit"),)] == 0


def test_a_hostile_model_name_cannot_forge_a_metric() -> None:
    assert SNAPSHOT.model is not None
    forged = 'x"} 1\nbintally_counts_total 99\n'
    snapshot = replace(SNAPSHOT, model=SNAPSHOT.model.model_copy(update={"name": forged}))
    found = scrape(Metrics(lambda: snapshot, lambda: READINGS))
    assert found["bintally_counts_total", ()] == 7
    assert found["bintally_model_info", (("digest", "ab"), ("name", forged), ("version", "1.2.3"))] == 1


def test_two_agents_in_one_process_do_not_share_their_metrics(metrics: Metrics) -> None:
    other = Metrics(lambda: replace(SNAPSHOT, counted=1), lambda: READINGS)
    metrics.observe("commit", 0.1)
    assert scrape(other)["bintally_counts_total", ()] == 1
    assert scrape(other)["bintally_step_seconds_count", (("step", "commit"),)] == 0


def test_prometheus_is_loaded_only_when_somebody_scrapes() -> None:
    code = "import sys, agent.health.metrics; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
