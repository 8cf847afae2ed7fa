"""Learn a labelled function of pick lists: one loop that reads from top to bottom, and that can be stopped and resumed.

The lists lie on the device as a whole; a step takes some of them, and the network makes its features itself.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import structlog
import torch
from torch import Tensor

from bintally.errors import InputError, UsageError
from bintally.files import make_folder, write_atomically
from bintally.signals import stop_on_signal
from trainer.network.checkpoint import source_commit
from trainer.travel_time import checkpoint as checkpoints
from trainer.travel_time.checkpoint import Checkpoint
from trainer.travel_time.lists import LabelSet, Lists, mirror_of
from trainer.travel_time.network import TravelTime
from trainer.travel_time.progress import Progress
from trainer.travel_time.run import DIVERGED, Run
from trainer.travel_time.scores import doubt_scores, estimates, scores
from trainer.travel_time.settings import TravelTimeSettings

LAST, BEST, METRICS = "last.pt", "best.pt", "metrics.jsonl"
_LOOK_EVERY = 50
log = structlog.get_logger()

Outcome = dict[str, Any]


def train(
    data: LabelSet,
    out: Path,
    settings: TravelTimeSettings,
    resume: bool = False,
    *,
    on_epoch: Callable[[int, Outcome], None] | None = None,
    save_every_s: float = 300,
) -> Checkpoint:
    """Train on the training lists and write ``last.pt`` and ``best.pt`` (by the mean relative error of validation) to ``out``.

    A run that is stopped by SIGINT or SIGTERM writes ``last.pt`` first; with ``resume`` it goes on with the very next step, and on a processor
    ends with the same weights. ``metrics.jsonl`` holds a line an epoch: the validation outcome, and how many seconds it took, validation
    included, to learn from how many lists on what. The test lists are not looked at.

    Args:
        data: the lists.
        out: folder for the checkpoints.
        settings: what decides the result.
        resume: go on from ``last.pt``.
        on_epoch: called after each epoch's checkpoints with the number of epochs done and the validation outcome; what it raises ends
            the run.
        save_every_s: seconds between two writings of ``last.pt``.

    Returns:
        The best checkpoint.

    Raises:
        InputError: too few lists; a checkpoint of another run; the run diverged.
        UsageError: ``out`` holds a run already and ``resume`` is not set.
        KeyboardInterrupt: the run was stopped; ``last.pt`` is written.
    """
    device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
    lists, held_out = data.parts["train"].to(device), data.parts["val"].to(device)
    number = min(settings.lists or len(lists), len(lists))
    steps_per_epoch = number // settings.batch_size
    if not steps_per_epoch or not len(held_out):
        raise InputError(
            f"{number} lists to train on and {len(held_out)} to validate; a batch alone takes {settings.batch_size}; label more"
        )
    run = _begun(data, lists, out, settings, resume, device)
    facts, steps = run.facts, settings.epochs * steps_per_epoch
    mirror = mirror_of(data.subject.ladder) if settings.mirror == "yes" else None
    turned = None if mirror is None else torch.tensor(mirror, dtype=torch.float32, device=device)
    log.info("begins", lists=number, mirrored=mirror is not None, weights=sum(one.numel() for one in run.network.parameters()))

    saved_at = time.monotonic()
    with stop_on_signal() as stop_asked, Progress(facts["step"], steps, settings.batch_size) as progress:
        for epoch in range(len(facts["validation"]), settings.epochs):
            run.network.train()
            began = time.monotonic() - facts["pass_s"]
            for index, flips in batches(number, settings, epoch, facts["step"] - epoch * steps_per_epoch):
                chosen = index.to(device)
                picks = lists.picks(chosen)
                if turned is not None:
                    picks = mirrored(picks, turned, flips.to(device))
                error = run.learn(picks, lists.base[chosen], lists.value[chosen], learning_rate(facts["step"] / steps, settings))
                if facts["step"] % _LOOK_EVERY == 0:  # asking waits for a GPU
                    progress.step(facts["step"], error.item())
                    if not math.isfinite(error.item()):
                        raise InputError(f"the error is {error.item()} at step {facts['step']}; the run has diverged: {DIVERGED}")
                if stop_asked.is_set() or time.monotonic() - saved_at > save_every_s:
                    facts["pass_s"] = time.monotonic() - began
                    checkpoints.write(out / LAST, run.snapshot(finished=False))
                    saved_at = time.monotonic()
                if stop_asked.is_set():
                    log.info("stopped", step=facts["step"], resume="the same command with --resume")
                    raise KeyboardInterrupt

            outcome = validate(run.best_network.eval(), held_out)
            passed = {"seconds": time.monotonic() - began, "lists": steps_per_epoch * settings.batch_size, "device": in_words(device)}
            progress.validated(epoch + 1, outcome)
            _keep_epoch(run, outcome, passed, out)
            saved_at = time.monotonic()
            if on_epoch is not None:
                on_epoch(epoch + 1, outcome)
            if stop_asked.is_set() and epoch + 1 < settings.epochs:
                raise KeyboardInterrupt
    return checkpoints.read(out / BEST)


def _begun(data: LabelSet, lists: Lists, out: Path, settings: TravelTimeSettings, resume: bool, device: torch.device) -> Run:
    """A new run, or one as it was stopped."""
    make_folder(out)
    if (out / LAST).exists() and not resume:
        raise UsageError(f"{out / LAST}: a run is there already; give --resume to go on with it, or another --out")
    facts: dict[str, Any] = {
        "settings": asdict(settings),
        "data": {"digest": data.digest, **{part: len(one) for part, one in data.parts.items()}},
        "commit": source_commit(),
        "step": 0,
        "validation": [],
        "passes": {},
        "pass_s": 0.0,
    }
    if not resume:
        run = Run(settings, data.subject, device, facts)
        run.begin(lists)
        return run
    previous = checkpoints.read(out / LAST)
    _refuse_another_run(out / LAST, previous.facts, facts)
    run = Run(settings, data.subject, device, {**facts, **previous.facts})
    run.resume(previous)
    return run


def _keep_epoch(run: Run, outcome: Outcome, passed: dict[str, Any], out: Path) -> None:
    """Write the checkpoints and the metrics of an epoch that is done."""
    facts = run.facts
    improved = outcome["loss"] < min((entry["loss"] for entry in facts["validation"]), default=math.inf)
    facts["validation"].append(outcome)
    facts["passes"][len(facts["validation"])], facts["pass_s"] = passed, 0.0
    if improved:
        checkpoints.write(out / BEST, run.snapshot(finished=True))
    checkpoints.write(out / LAST, run.snapshot(finished=False))
    lines = [{"epoch": n, **found, **facts["passes"].get(n, {})} for n, found in enumerate(facts["validation"], 1)]
    write_atomically(out / METRICS, "".join(json.dumps(line) + "\n" for line in lines))


def in_words(device: torch.device) -> str:
    """A device as people call it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"


def learning_rate(progress: float, settings: TravelTimeSettings) -> float:
    """AdamW's rate after a share of all steps: a linear rise, then a cosine to nothing."""
    if progress < settings.warmup:
        return settings.learning_rate * (progress + 1e-3) / (settings.warmup + 1e-3)
    fallen = (progress - settings.warmup) / (1 - settings.warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * fallen))


def batches(number: int, settings: TravelTimeSettings, epoch: int, first_step: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The steps of an epoch from one on: which lists, int64[batch], and which of them are mirrored, bool[batch].

    They depend on seed and epoch alone, so that a resumed run sees what it would have seen.
    """
    chance = torch.Generator().manual_seed((settings.seed << 20) + epoch)
    order = torch.randperm(number, generator=chance)
    flips = torch.rand(number, generator=chance) < 0.5
    size = settings.batch_size
    for step in range(first_step, number // size):
        yield order[step * size : (step + 1) * size], flips[step * size : (step + 1) * size]


def mirrored(picks: Tensor, turned: Tensor, flips: Tensor) -> Tensor:
    """Some lists seen from the other side.

    Args:
        picks: float32[N, L, 3].
        turned: float32[m], for each column its mirror image.
        flips: bool[N], which lists.
    """
    columns = torch.where(flips.unsqueeze(1), turned[picks[:, :, 0].long()], picks[:, :, 0])
    return torch.cat([columns.unsqueeze(2), picks[:, :, 1:]], 2)


def validate(network: TravelTime, lists: Lists) -> Outcome:
    """Scores on held-out lists; ``loss`` is the mean relative error. The network's spreads are scaled to be as large as the errors here."""
    network.spread_scale.fill_(1.0)
    value, spread = (part.double().cpu().numpy() for part in estimates(network, lists))
    calculated = lists.value.double().cpu().numpy()
    outcome = scores(value, calculated)
    doubt = doubt_scores(value / calculated - 1, spread)
    network.spread_scale.fill_(doubt["ratio"])
    return {"loss": outcome["error"], **outcome, "spread_scale": doubt["ratio"]}


def keep_facts(out: Path, checkpoint: Checkpoint, name: str, facts: Any) -> Checkpoint:
    """Write something that was found after the run into ``best.pt``."""
    changed = replace(checkpoint, facts={**checkpoint.facts, name: facts})
    checkpoints.write(out / BEST, changed)
    return changed


def _refuse_another_run(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [name for name in now["settings"] if then["settings"].get(name) != now["settings"][name]]
    if changed:
        raise InputError(
            f"{path}: was started with another {changed[0]} ({then['settings'].get(changed[0])}); resume with the same settings"
        )
    if then["data"]["digest"] != now["data"]["digest"]:
        raise InputError(
            f"{path}: was started on other lists, {then['data']['train']} of them and not {now['data']['train']}; resume with the same --data; "
            "has labelling gone on since?"
        )
