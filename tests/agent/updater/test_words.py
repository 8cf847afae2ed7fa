"""An update in a line for people."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from agent.updater.words import update_words
from bintally.messages import ModelName
from bintally.messages.model import ModelReported

WANTED = ModelName(name="grey", version="1.1.0", digest="ab")


def report(**fields: Any) -> ModelReported:
    values = {"session": "0" * 22, "at": datetime.now(timezone.utc), "revision": 1, "model": None, "device": "cpu", "agent": "0.1.0"}
    return ModelReported.model_validate(values | fields)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, None),
        (report(phase="idle"), None),
        (report(phase="active", wanted=WANTED), None),
        (report(phase="idle", reason="the desire was taken back"), "idle (the desire was taken back)"),
        (report(phase="downloading", wanted=WANTED, progress=0.35), "1.1.0: downloading 35%"),
        (report(phase="rolled_back", wanted=WANTED, reason="too slow"), "1.1.0: rolled back (too slow)"),
    ],
)
def test_what_is_going_on_is_told_and_nothing_else(told: ModelReported | None, words: str | None) -> None:
    assert update_words(told) == words
