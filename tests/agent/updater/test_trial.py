"""A trial in a process of its own: what opens, what answers wrongly, crashes, hangs or eats memory is told, and the agent lives."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from agent.settings import AgentSettings
from agent.updater.trial import Allowance, allowance_for, try_bundle
from agent.updater.web import Stopped
from bintally.bundle import read_manifest
from bintally.errors import InputError, UnavailableError
from bintally.settings import read_settings
from tests.fakes.bundle import CLASSES, SIZE, grey, png, repack
from tests.fakes.programs import survivors

PLENTY = Allowance(60.0, 2 << 30)
HEAR = "import sys, json, os, time; task = json.loads(sys.stdin.readline()); "


@pytest.fixture
def settings(bundle: Path) -> AgentSettings:
    return read_settings(AgentSettings, {"source": "0", "bundle": bundle, "threads": 1})


def told(settings: AgentSettings, tmp_path: Path, script: str, allowance: Allowance = PLENTY) -> str:
    """What is said of a process that does something else than the real one."""
    with pytest.raises(InputError) as error:
        try_bundle(settings.bundle, settings, tmp_path, allowance, threading.Event(), ("-c", HEAR + script))
    return str(error.value)


def test_a_good_bundle_opens(settings: AgentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINTALLY_DEVICE", "whatever the agent has")
    opened = try_bundle(settings.bundle, settings, tmp_path, PLENTY, threading.Event())
    assert (opened.name, opened.version, opened.height, opened.width, opened.classes) == ("grey-counter", "0.1.0", SIZE, SIZE, CLASSES)
    assert 0 < opened.frame_ms < 1000


def test_what_answers_otherwise_is_refused(settings: AgentSettings, tmp_path: Path, tiny: bytes) -> None:
    golden = [{"png": png(grey(1)), "probabilities": [1.0, *[0.0] * (CLASSES - 1)]}]
    path = tmp_path / "wrong.onnx"
    path.write_bytes(repack(tiny, lambda manifest: manifest.update(golden=golden)))
    with pytest.raises(InputError, match="differ"):
        try_bundle(path, settings, tmp_path, PLENTY, threading.Event())


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("os.kill(os.getpid(), 11)", "crashed (signal 11)"),
        ("os.kill(os.getpid(), 9)", "crashed (signal 9)"),
        ("sys.exit(3)", "crashed (exit code 3)"),
        ("print('a driver talks'); print('refused by us')", "by us"),
        ("print('opened and says no more')", "crashed"),
    ],
)
def test_a_crash_is_a_failed_trial(settings: AgentSettings, tmp_path: Path, script: str, words: str) -> None:
    assert words in told(settings, tmp_path, script)


def test_a_hang_is_a_failed_trial(settings: AgentSettings, tmp_path: Path) -> None:
    assert "within" in told(settings, tmp_path, "time.sleep(60)", Allowance(0.5, 2 << 30))


def test_too_much_memory_is_a_failed_trial(settings: AgentSettings, tmp_path: Path) -> None:
    words = told(settings, tmp_path, "hoard = [bytes(bytearray(os.urandom(1 << 20)) * 300)]; time.sleep(60)", Allowance(60.0, 200 << 20))
    assert "MiB of memory" in words


def test_what_is_not_the_bundles_fault_is_told_apart(settings: AgentSettings, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="disk full"):
        try_bundle(settings.bundle, settings, tmp_path, PLENTY, threading.Event(), ("-c", HEAR + "print('unavailable disk full')"))


def test_a_stop_ends_a_trial_at_once_and_nothing_is_left(settings: AgentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token, stop = f"trial-{os.getpid()}-{time.monotonic_ns()}", threading.Event()
    monkeypatch.setenv("TOKEN_OF_THIS_TEST", token)
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        try_bundle(settings.bundle, settings, tmp_path, PLENTY, stop, ("-c", HEAR + "time.sleep(60)"))
    assert time.monotonic() - began < 5
    assert not survivors(token)


def test_an_engine_may_take_longer_to_build(settings: AgentSettings) -> None:
    with_engine = settings.model_copy(update={"providers": ("tensorrt", "cpu")})
    assert allowance_for(with_engine).seconds > allowance_for(settings).seconds
    assert 0 < allowance_for(settings).memory_bytes < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_engines_of_older_bundles_go_before_a_new_one_is_built(settings: AgentSettings, tmp_path: Path) -> None:
    old, kept = (tmp_path / "engines" / digits for digits in ("0" * 16, read_manifest(settings.bundle).graph_sha256[:16]))
    for folder in (old, kept):
        folder.mkdir(parents=True)
    both = settings.model_copy(update={"providers": ("tensorrt", "cpu")})
    try_bundle(settings.bundle, both, tmp_path, PLENTY, threading.Event(), others=(settings.bundle,))
    assert kept.exists()
    assert not old.exists()
