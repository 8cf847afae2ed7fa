"""Fine-tune ResNet50 to count: one loop that reads from top to bottom, and that can be stopped and resumed."""

from __future__ import annotations

import math
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset

from bintally.errors import InputError, UsageError
from bintally.files import make_folder
from trainer import checkpoint as checkpoints
from trainer.checkpoint import Checkpoint
from trainer.data.dataset import DataSet, Example
from trainer.evaluation.metrics import scores
from trainer.frames import LabelledFrames
from trainer.infer import infer
from trainer.model import Counter, load_imagenet
from trainer.settings import TrainSettings

LAST, BEST = "last.pt", "best.pt"
log = structlog.get_logger()


def train(
    data: Sequence[DataSet],
    out: Path,
    settings: TrainSettings,
    weights: Path | None,
    resume: bool = False,
    workers: int = 1,
    save_every_s: float = 300,
    begin: Sequence[Path] = (),
) -> Checkpoint:
    """Train on the training parts of some data sets and write ``last.pt`` and ``best.pt`` (by validation loss) to ``out``.

    A run that is stopped by SIGINT or SIGTERM writes ``last.pt`` first; with ``resume`` it goes on with the very next step.

    Args:
        data: at least one data set; their parts are put together.
        out: folder for the checkpoints.
        settings: what decides the result.
        weights: ImageNet weights for the backbone; None for torchvision's own.
        resume: go on from ``last.pt``.
        workers: processes that read frames.
        save_every_s: seconds between two writings of ``last.pt``.
        begin: checkpoints whose average the run begins with, instead of ImageNet weights.

    Returns:
        The best checkpoint.

    Raises:
        InputError: too few images; a checkpoint of another run.
        UsageError: ``out`` holds a run already and ``resume`` is not set.
        KeyboardInterrupt: the run was stopped; ``last.pt`` is written.
    """
    examples = [example for one in data for example in one.part("train")]
    held_out = [example for one in data for example in one.part("val")]
    if len(examples) < settings.batch_size or not held_out:
        raise InputError(f"{len(examples)} images to train on and {len(held_out)} to validate; a batch alone takes {settings.batch_size}")
    make_folder(out)
    if (out / LAST).exists() and not resume:
        raise UsageError(f"{out / LAST}: a run is there already; give --resume to go on with it, or another --out")

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(settings.seed)
    counter = Counter()
    steps_per_epoch = min(settings.images or len(examples), len(examples)) // settings.batch_size
    facts: dict[str, Any] = {
        "settings": asdict(settings),
        "data": [{"source": Path(one.source).name, "digest": one.digest, "split_seed": one.seed} for one in data],
        "commit": source_commit(),
        "step": 0,
        "validation": [],
    }
    previous = checkpoints.read(out / LAST) if resume else None
    if previous is None and begin:
        counter.load_state_dict(checkpoints.average([checkpoints.read(path) for path in begin]).model)
    elif previous is None:
        load_imagenet(counter, weights)
    else:
        _refuse_another_run(out / LAST, previous.facts, facts)
        facts = previous.facts
        counter.load_state_dict(previous.model)
    counter.freeze(settings.freeze)
    counter.to(device).to(memory_format=torch.channels_last)
    optimizer = _optimizer(counter, settings)
    if previous is not None and previous.optimizer is not None:
        optimizer.load_state_dict(previous.optimizer)

    def snapshot(finished: bool) -> Checkpoint:
        state = {name: value.detach().cpu().clone() for name, value in counter.state_dict().items()}
        return Checkpoint(state, settings.input_size, facts, None if finished else optimizer.state_dict())

    total_steps = settings.epochs * steps_per_epoch
    saved_at, started_at, first_step = time.monotonic(), time.monotonic(), facts["step"]
    with _stop_on_signal() as stop_asked:
        for epoch in range(len(facts["validation"]), settings.epochs):
            counter.train()
            skip = facts["step"] - epoch * steps_per_epoch
            for frames, classes in _batches(examples, settings, epoch, skip, workers):
                rate = learning_rate(facts["step"] / total_steps, settings)
                for group in optimizer.param_groups:
                    group["lr"] = rate * group["scale"]
                with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                    logits = counter(frames.to(device, non_blocking=True))
                    loss = nn.functional.cross_entropy(logits, classes.to(device, non_blocking=True))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                nn.utils.clip_grad_norm_(counter.parameters(), 5.0)
                optimizer.step()
                facts["step"] += 1
                if facts["step"] % 20 == 0:
                    images_per_s = (facts["step"] - first_step) * settings.batch_size / (time.monotonic() - started_at)
                    log.info("step", step=facts["step"], of=total_steps, loss=round(loss.item(), 4), images_per_s=round(images_per_s, 1))
                if stop_asked.is_set() or time.monotonic() - saved_at > save_every_s:
                    checkpoints.write(out / LAST, snapshot(finished=False))
                    saved_at = time.monotonic()
                if stop_asked.is_set():
                    log.info("stopped", step=facts["step"], resume="the same command with --resume")
                    raise KeyboardInterrupt

            counter.eval()
            outcome = validate(counter, held_out, settings.input_size)
            facts["validation"].append(outcome)
            log.info("validated", epoch=epoch + 1, **outcome)
            if not math.isfinite(outcome["loss"]):
                raise InputError(
                    f"the loss is {outcome['loss']} after epoch {epoch + 1}; the run has diverged: take a smaller --learning-rate"
                )
            if outcome["loss"] <= min(entry["loss"] for entry in facts["validation"]):
                checkpoints.write(out / BEST, snapshot(finished=True))
            checkpoints.write(out / LAST, snapshot(finished=False))
            saved_at = time.monotonic()
            if stop_asked.is_set() and epoch + 1 < settings.epochs:
                raise KeyboardInterrupt
    return checkpoints.read(out / BEST)


def learning_rate(progress: float, settings: TrainSettings) -> float:
    """The backbone's learning rate after a share of all steps: a linear rise, then a cosine to nothing."""
    if progress < settings.warmup:
        return settings.learning_rate * (progress + 1e-3) / (settings.warmup + 1e-3)
    fallen = (progress - settings.warmup) / (1 - settings.warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * fallen))


def validate(counter: Counter, examples: Sequence[Example], size: int) -> dict[str, Any]:
    """Mean cross entropy (nats) and the challenge's scores on held-out examples."""
    logits, quantities = infer(counter, examples, size)
    logs = torch.from_numpy(logits).log_softmax(1).numpy()
    classes = np.minimum(quantities, logits.shape[1] - 1)
    outcome = scores(np.exp(logs), quantities)
    loss = float(-logs[np.arange(len(classes)), classes].mean())
    return {"loss": loss, **{name: outcome[name] for name in ("n", "accuracy", "rmse", "n_all", "accuracy_all")}}


def source_commit() -> str:
    """The commit of the code that runs, ``unknown`` outside a checkout, with ``+`` where it has uncommitted changes."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603 - git, with our own words

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _batches(
    examples: Sequence[Example], settings: TrainSettings, epoch: int, skip: int, workers: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The batches of one epoch in its own order, without the first ``skip``; a short last batch is left out."""
    order = np.random.default_rng((settings.seed, epoch)).permutation(len(examples))
    frames = LabelledFrames(examples, settings.size_at(epoch), vary=(settings.seed, epoch))
    drawn = order[: settings.images] if settings.images else order
    rest = Subset(frames, drawn[skip * settings.batch_size :].tolist())
    yield from _each(DataLoader(rest, settings.batch_size, drop_last=True, num_workers=workers, pin_memory=torch.cuda.is_available()))


def _each(loader: Iterable[Any]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The batches of a loader; torch wraps a worker's error in the text of its traceback, of which the last line is meant."""
    try:
        yield from loader
    except InputError as error:
        raise InputError(str(error).strip().rpartition("\n")[2].removeprefix("bintally.errors.InputError: ")) from error


def _optimizer(counter: Counter, settings: TrainSettings) -> torch.optim.AdamW:
    head = {id(parameter) for parameter in counter.net.fc.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in counter.parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in head, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "scale": 10.0 if is_head else 1.0, "weight_decay": settings.weight_decay if is_matrix else 0.0}
            for (is_head, is_matrix), parameters in sorted(groups.items(), key=lambda entry: entry[0])
        ],
        lr=settings.learning_rate,
    )


def _refuse_another_run(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [name for name in now["settings"] if then["settings"].get(name) != now["settings"][name]]
    if changed:
        raise InputError(
            f"{path}: was started with another {changed[0]} ({then['settings'].get(changed[0])}); resume with the same settings"
        )
    if [entry["digest"] for entry in then["data"]] != [entry["digest"] for entry in now["data"]]:
        raise InputError(f"{path}: was started on other data; resume with the same --data")


class _stop_on_signal:  # noqa: N801 - reads as a verb in a with statement
    """Turn SIGINT and SIGTERM into an event that the loop looks at between steps."""

    def __enter__(self) -> threading.Event:
        self._asked = threading.Event()
        self._before: dict[int, Callable[..., Any] | int | None] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, lambda *_: self._asked.set())
        return self._asked

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
