"""What a travel-time run shows while it goes: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

import structlog
from typing_extensions import Self

_LINE_EVERY_S = 10.0
log = structlog.get_logger()


class Progress:
    """The shown side of a run; used as a context manager.

    Args:
        first_step: at which this process begins.
        steps: of the whole run.
        batch_size: lists a step.
    """

    def __init__(self, first_step: int, steps: int, batch_size: int) -> None:
        self._steps, self._batch_size = steps, batch_size
        self._shown_step, self._shown_at = first_step, time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True))
            self._bar.add_task("training", total=self._steps, completed=self._shown_step)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, step: int, error: float) -> None:
        """Show where the run is."""
        now = time.monotonic()
        rate = (step - self._shown_step) * self._batch_size / max(now - self._shown_at, 1e-9)
        if self._bar is not None:
            self._bar.update(0, completed=step, description=f"error {error:.2%}, {rate:.0f} lists/s")
        elif now - self._shown_at > _LINE_EVERY_S:
            log.info("step", step=step, of=self._steps, error=f"{error:.2%}", lists_per_s=round(rate))
        else:
            return
        self._shown_step, self._shown_at = step, now

    def validated(self, epoch: int, outcome: dict[str, Any]) -> None:
        """Show an epoch's outcome."""
        log.info("validated", epoch=epoch, error=f"{outcome['error']:.3%}", worst=f"{outcome['worst']:.2%}", of=outcome["n"])
