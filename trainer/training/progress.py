"""What a run shows while it goes: log lines, a bar on a terminal, TensorBoard's curves, and a trace where asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
import torch
from typing_extensions import Self

from bintally.files import write_with

log = structlog.get_logger()


class Progress:
    """The shown side of a run; used as a context manager.

    Args:
        out: the run's folder; the curves go to ``tensorboard/`` in it.
        first_step: at which this process begins.
        steps: of the whole run.
        batch_size: images a step.
        shown: False in all processes but the first.
    """

    def __init__(self, out: Path, first_step: int, steps: int, batch_size: int, shown: bool) -> None:
        self._first_step, self._steps, self._batch_size, self._shown = first_step, steps, batch_size, shown
        self._shown_step, self._shown_at = first_step, time.monotonic()
        self._writer: Any = None
        self._bar: Any = None
        self._profiler: torch.profiler.profile | None = None
        if shown:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(out / "tensorboard"), purge_step=first_step)

    def __enter__(self) -> Self:
        if self._shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True))
            self._bar.add_task("training", total=self._steps, completed=self._first_step)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._writer is not None:
            self._writer.close()

    def tick(self) -> None:
        """To be called after every step."""
        if self._profiler is not None:
            self._profiler.step()

    def step(self, step: int, loss: float, rate: float) -> None:
        """Show where the run is."""
        if not self._shown:
            return
        now = time.monotonic()
        images_per_s = (step - self._shown_step) * self._batch_size / (now - self._shown_at)
        self._shown_step, self._shown_at = step, now
        for name, value in (("loss/train", loss), ("learning rate", rate), ("images per second", images_per_s)):
            self._writer.add_scalar(name, value, step)
        if self._bar is None:
            log.info("step", step=step, of=self._steps, loss=round(loss, 4), images_per_s=round(images_per_s, 1))
        else:
            self._bar.update(0, completed=step, description=f"loss {loss:.3f}, {images_per_s:.0f} images/s")

    def validated(self, epoch: int, step: int, outcome: dict[str, Any]) -> None:
        """Show an epoch's outcome; the time that it took counts for no step."""
        self._shown_step, self._shown_at = step, time.monotonic()
        log.info(
            "validated", epoch=epoch, **{name: round(value, 4) if isinstance(value, float) else value for name, value in outcome.items()}
        )
        for name, value in outcome.items():
            if value is not None:
                self._writer.add_scalar(f"validation/{name}", value, step)

    @contextmanager
    def profiling(self, path: Path | None) -> Iterator[None]:
        """Record the fourth to the eighth step as a trace for Chrome or Perfetto; nothing without a path.

        Raises:
            UnavailableError: the trace cannot be written.
        """
        if path is None or not self._shown:
            yield
            return

        def write(profiler: torch.profiler.profile) -> None:
            write_with(path, lambda temporary: profiler.export_chrome_trace(str(temporary)))
            log.info("profiled", trace=str(path))

        schedule = torch.profiler.schedule(wait=2, warmup=1, active=5, repeat=1)
        with torch.profiler.profile(schedule=schedule, on_trace_ready=write, record_shapes=True) as self._profiler:
            yield
        self._profiler = None
