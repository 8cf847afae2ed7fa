"""How a run ends, and what the next start makes of it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from agent.counting.counter import NotCountedError
from agent.loop import Loop
from agent.run import run
from agent.settings import AgentSettings
from agent.updater.slots import Slots
from bintally.errors import InputError, UnavailableError
from bintally.settings import read_settings
from tests.agent.updater.conftest import Fleet
from tests.fakes.bundle import write_grey_images


@pytest.fixture
def settings(tmp_path: Path, ours: Fleet, bundle: Path) -> AgentSettings:
    """Of a station whose broker and repository do not answer."""
    write_grey_images(tmp_path / "frames", [1])
    values = {"source": str(tmp_path / "frames"), "bundle": bundle, "state_dir": tmp_path, "broker": "mqtt://127.0.0.1:9", "threads": 1}
    updates = {"updates": "http://127.0.0.1:9", "updates_root": ours.path / "metadata" / "1.root.json"}
    return read_settings(AgentSettings, {**values, **updates, "page": None, "broker_patience_s": 0.01})


@pytest.mark.parametrize(
    ("error", "is_crash"),
    [
        (None, False),
        (InputError("the recording breaks off"), False),
        (UnavailableError("the disk is gone"), False),
        (NotCountedError("no memory left for a frame"), True),
        (RuntimeError("a fault of ours"), True),
    ],
)
def test_only_an_end_that_a_new_model_may_have_brought_about_is_a_crash(
    settings: AgentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None, is_crash: bool
) -> None:
    def ends(_: Loop, stop: threading.Event) -> None:
        assert Slots(tmp_path).load().running
        stop.set()
        if error is not None:
            raise error

    monkeypatch.setattr(Loop, "run", ends)
    if error is None:
        run(settings, once=False)
    else:
        with pytest.raises(type(error), match=str(error)):
            run(settings, once=False)
    assert Slots(tmp_path).load().running is is_crash


def test_a_source_that_is_not_there_at_the_start_is_no_crash(settings: AgentSettings, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(InputError):
            run(settings.model_copy(update={"source": str(tmp_path / "none")}), once=False)
        assert not Slots(tmp_path).load().running
