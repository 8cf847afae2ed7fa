"""Checkpoints: the whole state of a run, written so that a crash never leaves half of one."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bintally.errors import InputError
from trainer.network.design import BACKBONES, HEADS, Design
from trainer.network.model import Counter
from trainer.network.torch_files import load_torch, save_torch, shapes

FORMAT = "bintally-checkpoint-2"


@dataclass(frozen=True)
class Checkpoint:
    """What ``read`` returns.

    Attributes:
        design: the network.
        model: its weights; the averaged ones where the run keeps an average.
        input_size: side in pixels of the frames that it counts.
        facts: settings, seed, data digests, source commit, progress, validation scores and what the health watch found.
        state: what a run needs to go on (raw weights, optimizer, averages), None in a finished checkpoint.
    """

    design: Design
    model: dict[str, Any]
    input_size: int
    facts: dict[str, Any]
    state: dict[str, Any] | None = None

    def counter(self) -> Counter:
        """The model with these weights, ready to count."""
        counter = Counter(self.design)
        counter.load_state_dict(self.model)
        return counter.eval()


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the previous one stays whole until the new one is.

    Raises:
        UnavailableError: the disk is full or cannot be written to.
    """
    content = {"format": FORMAT, **vars(checkpoint), "design": asdict(checkpoint.design)}
    save_torch(path, content)


def read(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: the file is missing, damaged, or no checkpoint of this version.
    """
    content = load_torch(path, "'bintally train' writes checkpoints")
    names = {"format", *Checkpoint.__dataclass_fields__}
    if not isinstance(content, dict) or set(content) != names or content.pop("format") != FORMAT:
        raise InputError(f"{path}: a torch file, but no checkpoint of the form {FORMAT}; train again")
    design = content["design"]
    if not isinstance(design, dict) or design.get("backbone") not in BACKBONES or design.get("head") not in HEADS:
        raise InputError(f"{path}: holds a network that this version does not know ({design}); train again")
    checkpoint = Checkpoint(**{**content, "design": Design(**design)})
    if not isinstance(checkpoint.model, dict) or not isinstance(checkpoint.facts, dict) or not isinstance(checkpoint.input_size, int):
        raise InputError(f"{path}: a checkpoint of the form {FORMAT}, but damaged; train again")
    if shapes(checkpoint.model) != shapes(Counter(checkpoint.design).state_dict()):
        raise InputError(f"{path}: the weights are not those of this version's {checkpoint.design}; train again")
    return checkpoint


def average(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """Average the weights of checkpoints of one lineage, each begun with the one before; the last one's input size stays, and the facts of all.

    Raises:
        InputError: they hold different networks.

    Source:
        Wortsman et al. 2022, Model soups, section 2 (uniform soup).
    """
    last = checkpoints[-1]
    other = next((one.design for one in checkpoints if one.design != last.design), None)
    if other is not None:
        raise InputError(f"checkpoints of different networks cannot be averaged: {other}, and {last.design}")
    states = [one.model for one in checkpoints]
    model = {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in last.model.items()
    }
    facts = last.facts if len(checkpoints) == 1 else {"averaged": [one.facts for one in checkpoints]}
    return Checkpoint(last.design, model, last.input_size, facts)


def source_commit() -> str:
    """The commit of the code that runs, ``unknown`` outside a checkout, with ``+`` where it has uncommitted changes."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603 - git, with our own words

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
