"""Which bundles fit a station."""

from __future__ import annotations

import pytest

from agent.settings import AgentSettings
from agent.updater.fits import device_of, unfit
from bintally.messages.base import ModelName
from bintally.messages.model import ModelDesired
from bintally.settings import read_settings
from bintally.updates import TargetFacts
from export.targets import TARGETS

DIGEST = "0" * 64


def reason(device: str = "cpu", agent: str = "1.0.0", made_for: str = "cpu", least: str = "0.1.0") -> str | None:
    facts = {
        "schema": 1,
        "name": "counter",
        "version": "1.0.0",
        "device": made_for,
        "agent": least,
        "height": 64,
        "width": 64,
        "classes": 7,
    }
    desire = {
        "revision": 1,
        "station": "a/b",
        "model": ModelName(name="counter", version="1.0.0", digest=DIGEST),
        "target": "counter/1.0.0-cpu.onnx",
        "issued_at": "2026-03-01T00:00:00Z",
    }
    return unfit(TargetFacts.model_validate(facts), DIGEST, ModelDesired.model_validate(desire), device, agent)


RIGHT = {
    "cpu": {"cpu", "float"},
    "cpu-vnni": {"cpu", "cpu-vnni", "float"},
    "arm": {"arm", "cpu", "float"},
    "tensorrt": {"tensorrt", "float", "float16"},
    "hailo": {"hailo"},
}


@pytest.mark.parametrize("device", RIGHT)
def test_a_station_runs_what_is_right_on_its_arithmetic(device: str) -> None:
    assert {made_for for made_for in {*TARGETS, "hailo"} if reason(device, made_for=made_for) is None} == RIGHT[device]


@pytest.mark.parametrize(
    ("agent", "least", "fits"),
    [
        ("1.0.0", "1.0.0", True),
        ("0.10.0", "0.9.9", True),
        ("0.9.9", "0.10.0", False),
        ("1.2.0.dev1", "1.2.0", True),
        ("1.1", "1.1.1", False),
    ],
)
def test_versions_are_compared_as_numbers(agent: str, least: str, fits: bool) -> None:
    assert (reason(agent=agent, least=least) is None) == fits


@pytest.mark.parametrize(
    ("settings", "machine", "vnni", "device"),
    [
        ({}, "x86_64", True, "cpu-vnni"),
        ({}, "x86_64", False, "cpu"),
        ({}, "aarch64", False, "arm"),
        ({"providers": "tensorrt,cpu"}, "aarch64", False, "tensorrt"),
        ({"device": "hailo"}, "aarch64", False, "hailo"),
    ],
)
def test_the_device_kind_is_what_runs_the_counter(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], machine: str, vnni: bool, device: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("agent.updater.fits.has_vnni", lambda: vnni)
    assert device_of(read_settings(AgentSettings, {"source": "0", **settings})) == device
