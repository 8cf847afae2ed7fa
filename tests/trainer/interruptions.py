"""End a training run at a chosen step, as a signal or a fault would."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TypeVar

import pytest

_Settings = TypeVar("_Settings")
Rate = Callable[[float, _Settings], float]


def at_step(number: int, do: Callable[[], None], learning_rate: Rate[_Settings]) -> Rate[_Settings]:
    """A stand-in for ``learning_rate``, which the loop asks once a step."""
    asked = 0

    def rate(progress: float, settings: _Settings) -> float:
        nonlocal asked
        asked += 1
        if asked == number:
            do()
        return learning_rate(progress, settings)

    return rate


def ask_to_stop() -> None:
    if signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, signal.SIG_IGN):
        pytest.fail("the loop does not look at SIGTERM")
    signal.raise_signal(signal.SIGTERM)


def break_down() -> None:
    raise RuntimeError("the machine broke down")
