"""Fine-tune a counter: one loop that reads from top to bottom, and that can be stopped, resumed, and shared by several processes."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch
from torch import Tensor

from bintally.errors import InputError, UsageError
from bintally.files import make_folder, write_atomically
from bintally.signals import stop_on_signal
from trainer.data.dataset import DataSet, Example
from trainer.data.shards import Shards, default_folder
from trainer.evaluation.metrics import scores
from trainer.network import checkpoint as checkpoints
from trainer.network.checkpoint import Checkpoint, source_commit
from trainer.network.design import TOP_CLASS
from trainer.network.infer import infer
from trainer.network.model import Counter
from trainer.training.health import Finding, HealthWatch
from trainer.training.loader import Batch, Loader, epoch_order
from trainer.training.losses import class_weights, objective
from trainer.training.processes import Processes, joined
from trainer.training.progress import Progress
from trainer.training.run import DIVERGED, MOST_NORM, Run, begin_with
from trainer.training.settings import TrainSettings

LAST, BEST, METRICS = "last.pt", "best.pt", "metrics.jsonl"
_LOG_EVERY = _LOOK_EVERY = 20
log = structlog.get_logger()

Outcome = dict[str, Any]


def train(
    data: Sequence[DataSet],
    out: Path,
    settings: TrainSettings,
    weights: Path | None,
    resume: bool = False,
    *,
    begin: Sequence[Path] = (),
    cache: Path | None = None,
    on_epoch: Callable[[int, Outcome], None] | None = None,
    profile: Path | None = None,
    save_every_s: float = 300,
) -> Checkpoint:
    """Train on the training parts of some data sets and write ``last.pt`` and ``best.pt`` (by validation loss) to ``out``.

    A run that is stopped by SIGINT or SIGTERM writes ``last.pt`` first; with ``resume`` it goes on with the very next step.
    ``metrics.jsonl`` holds one validation outcome a line, ``tensorboard/`` the curves.

    Args:
        data: at least one data set; their parts are put together.
        out: folder for the checkpoints.
        settings: what decides the result.
        weights: ImageNet weights for the backbone; None for torchvision's own.
        resume: go on from ``last.pt``.
        begin: checkpoints whose average the run begins with, instead of ImageNet weights.
        cache: folder for decoded frames.
        on_epoch: called after each epoch's checkpoints with the number of epochs done and the validation outcome; what it
            raises ends the run.
        profile: where to write a trace of a few steps (Chrome's format).
        save_every_s: seconds between two writings of ``last.pt``.

    Returns:
        The best checkpoint.

    Raises:
        InputError: too few images; a checkpoint of another run or network; the run diverged.
        UsageError: ``out`` holds a run already and ``resume`` is not set.
        KeyboardInterrupt: the run was stopped; ``last.pt`` is written.
    """
    examples = [example for one in data for example in one.part("train")]
    held_out = [example for one in data for example in one.part("val")]
    _refuse_unusable(data, examples, held_out, settings)
    make_folder(out)
    if (out / LAST).exists() and not resume:
        raise UsageError(f"{out / LAST}: a run is there already; give --resume to go on with it, or another --out")

    with joined() as processes, stop_on_signal() as stop_asked:
        if settings.batch_size % processes.number:
            raise UsageError(f"--batch-size {settings.batch_size}: does not divide among {processes.number} processes")
        facts = _facts(data, settings, processes)
        previous = processes.share(checkpoints.read(out / LAST) if resume and processes.first else None)
        if previous is not None:
            _refuse_another_run(out / LAST, previous.facts, facts)
            facts = previous.facts
        run = Run(settings, processes, facts)
        if previous is None:
            run.begin(weights, begin_with(begin))
        else:
            run.resume(previous)

        folder = cache or default_folder()
        rarity = class_weights(examples, settings.rarity).to(processes.device) if settings.rarity else None
        lengths = [len(one.part("train")) for one in data]
        steps_per_epoch = (settings.images or len(examples)) // settings.batch_size
        progress = Progress(out, facts["step"], settings.epochs * steps_per_epoch, settings.batch_size, processes.first)
        watch = HealthWatch([Finding(**found) for found in facts["health"]], facts["looked_at_losses"])
        frames_of = partial(_shards, folder, processes=processes, stop_asked=stop_asked)
        held_out_frames = frames_of(held_out, settings.input_size)
        side, loader, saved_at = 0, None, time.monotonic()
        with progress, progress.profiling(profile):
            for epoch in range(len(facts["validation"]), settings.epochs):
                if stale(facts["validation"], settings.patience):
                    log.info("stopped early", epoch=epoch, patience=settings.patience)
                    break
                if loader is None or settings.size_at(epoch) != side:
                    side, loader = settings.size_at(epoch), None  # the old one's frames make room on the GPU
                    loader = Loader(examples, frames_of(examples, side), settings, processes.device, processes.rank, processes.number)
                run.network.train()
                first_step = facts["step"] - epoch * steps_per_epoch
                for batch in loader.batches(epoch_order(lengths, settings, epoch), epoch, first_step):
                    rate = learning_rate(facts["step"] / (settings.epochs * steps_per_epoch), settings)
                    for group in run.optimizer.param_groups:
                        group["lr"] = rate * group["scale"]
                    torch.manual_seed((settings.seed << 24) + facts["step"])  # dropout: the same after a resume
                    looked_at = facts["step"] % _LOOK_EVERY == 0
                    with watch.looking(run.counter) if looked_at else nullcontext():
                        loss, logits, classes = learn_from(run, batch, rarity)
                    norm = run.learn(loss)
                    if looked_at and math.isfinite(norm):  # fp16 skips a step whose gradients overflow
                        clipped = max(1.0, norm.item() / MOST_NORM)
                        for finding in watch.judge(facts["step"], run.counter, logits, classes, loss.item(), clipped):
                            facts["health"].append(asdict(finding))
                            log.warning("health", **asdict(finding))
                    if facts["step"] % _LOG_EVERY == 0:
                        progress.step(facts["step"], loss.item(), rate)
                        _refuse_divergence(processes, loss.item(), f"step {facts['step']}")
                    progress.tick()
                    cheap = processes.device.type == "cpu" or facts["step"] % _LOG_EVERY == 0  # asking other GPUs waits for them
                    stopping = processes.any(stop_asked.is_set()) if processes.number == 1 or cheap else False
                    if processes.first and (stopping or time.monotonic() - saved_at > save_every_s):
                        checkpoints.write(out / LAST, run.snapshot(finished=False))
                        saved_at = time.monotonic()
                    if stopping:
                        log.info("stopped", step=facts["step"], resume="the same command with --resume")
                        raise KeyboardInterrupt

                outcome = None
                if processes.first:
                    run.best_counter.eval()
                    outcome = validate(run.best_counter, held_out, settings.input_size, held_out_frames)
                outcome = processes.share(outcome)
                improved = outcome["loss"] < min((entry["loss"] for entry in facts["validation"]), default=math.inf)
                facts["validation"].append(outcome)
                if processes.first:
                    progress.validated(epoch + 1, facts["step"], outcome)
                    if improved:
                        checkpoints.write(out / BEST, run.snapshot(finished=True))
                    checkpoints.write(out / LAST, run.snapshot(finished=False))
                    write_atomically(
                        out / METRICS, "".join(json.dumps({"epoch": n + 1, **o}) + "\n" for n, o in enumerate(facts["validation"]))
                    )
                    saved_at = time.monotonic()
                if on_epoch is not None:
                    on_epoch(epoch + 1, outcome)
                if processes.any(stop_asked.is_set()) and epoch + 1 < settings.epochs:
                    raise KeyboardInterrupt
        best: Checkpoint = processes.share(checkpoints.read(out / BEST) if processes.first else None)
        return best


def learning_rate(progress: float, settings: TrainSettings) -> float:
    """The last stage's learning rate after a share of all steps: a linear rise, then a cosine to nothing."""
    if progress < settings.warmup:
        return settings.learning_rate * (progress + 1e-3) / (settings.warmup + 1e-3)
    fallen = (progress - settings.warmup) / (1 - settings.warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * fallen))


def stale(validation: Sequence[Outcome], patience: int) -> bool:
    """Whether the last ``patience`` epochs brought no smaller loss than those before; never for 0."""
    losses = [outcome["loss"] for outcome in validation]
    return 0 < patience < len(losses) and min(losses[-patience:]) >= min(losses[:-patience])


def validate(counter: Counter, examples: Sequence[Example], size: int, frames: Shards | None = None) -> Outcome:
    """Mean cross entropy (nats) and the challenge's scores on held-out examples.

    Raises:
        InputError: the counter's answers are not numbers.
    """
    logits, quantities = infer(counter, examples, size, frames)
    if not np.isfinite(logits).all():
        raise InputError(f"the counter's answers are not numbers; the run has diverged: {DIVERGED}")
    logs = torch.from_numpy(logits).log_softmax(1).numpy()
    classes = np.minimum(quantities, TOP_CLASS)
    outcome = scores(np.exp(logs), quantities)
    loss = float(-logs[np.arange(len(classes)), classes].mean())
    return {"loss": loss, **{name: outcome[name] for name in ("n", "accuracy", "rmse", "n_all", "accuracy_all")}}


def learn_from(run: Run, batch: Batch, rarity: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """The loss of a batch, its logits and true classes; under mixup, of a blend of the batch with itself in another order.

    Source:
        Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization, section 2.
    """
    settings = run.settings
    if not settings.mixup:
        outputs = run.outputs(batch.frames)
        return objective(outputs, batch, settings, rarity), outputs.logits, batch.quantities.clamp(max=TOP_CLASS)
    rng = np.random.default_rng((settings.seed, run.facts["step"], 1))
    share = float(rng.beta(settings.mixup, settings.mixup))
    order = torch.from_numpy(rng.permutation(len(batch.frames))).to(batch.frames.device)
    other = Batch(*(value[order] for value in vars(batch).values()))
    outputs = run.outputs(share * batch.frames.float() + (1 - share) * other.frames.float())
    loss = share * objective(outputs, batch, settings, rarity) + (1 - share) * objective(outputs, other, settings, rarity)
    return loss, outputs.logits, (batch if share >= 0.5 else other).quantities.clamp(max=TOP_CLASS)


def _shards(folder: Path, examples: Sequence[Example], side: int, processes: Processes, stop_asked: threading.Event) -> Shards:
    """The first process of a machine makes what is missing; the others wait for it, and then only open the files."""

    def report(ready: int) -> None:
        log.info("frames", size=side, ready=ready, of=len(examples))
        if stop_asked.is_set():
            raise KeyboardInterrupt

    if processes.first_here:
        made = Shards(folder, examples, side, report)
    processes.any(False)
    return made if processes.first_here else Shards(folder, examples, side)


def _facts(data: Sequence[DataSet], settings: TrainSettings, processes: Processes) -> dict[str, Any]:
    return {
        "settings": {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()},
        "data": [{"source": Path(one.source).name, "digest": one.digest, "split_seed": one.seed, "leaks": one.leaks} for one in data],
        "commit": source_commit(),
        "processes": processes.number,
        "step": 0,
        "validation": [],
        "health": [],
        "looked_at_losses": [],
    }


def _refuse_unusable(data: Sequence[DataSet], examples: Sequence[Example], held_out: Sequence[Example], settings: TrainSettings) -> None:
    if len(examples) < settings.batch_size or not held_out:
        raise InputError(f"{len(examples)} images to train on and {len(held_out)} to validate; a batch alone takes {settings.batch_size}")
    if settings.shares and (len(settings.shares) != len(data) or sum(settings.shares) <= 0):
        raise UsageError(f"--shares: {len(settings.shares)} given for {len(data)} --data folders; give one for each, not all 0")
    if any(share and not one.part("train") for share, one in zip(settings.shares, data, strict=False)):
        raise UsageError(f"--shares {settings.shares}: one of these --data folders has no training image to contribute")
    if 0 < settings.images < settings.batch_size:
        raise UsageError(f"--images {settings.images}: less than a batch of {settings.batch_size}")


def _refuse_divergence(processes: Processes, loss: float, where: str) -> None:
    if processes.any(not math.isfinite(loss)):
        raise InputError(f"the loss is {loss} at {where}; the run has diverged: {DIVERGED}")


def _refuse_another_run(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    if then["processes"] != now["processes"]:
        raise InputError(f"{path}: was started with {then['processes']} processes, not {now['processes']}; resume with as many")
    changed = [name for name in now["settings"] if then["settings"].get(name) != now["settings"][name]]
    if changed:
        raise InputError(
            f"{path}: was started with another {changed[0]} ({then['settings'].get(changed[0])}); resume with the same settings"
        )
    if [entry["digest"] for entry in then["data"]] != [entry["digest"] for entry in now["data"]]:
        raise InputError(f"{path}: was started on other data; resume with the same --data")
