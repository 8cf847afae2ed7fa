"""Checkpoints: the whole state of a run, written so that a crash never leaves half of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bintally.errors import InputError
from bintally.files import write_with
from trainer.model import Counter
from trainer.torch_files import load_torch

FORMAT = "bintally-checkpoint-1"


@dataclass(frozen=True)
class Checkpoint:
    """What ``read`` returns.

    Attributes:
        model: weights of ``trainer.model.Counter``.
        input_size: side in pixels of the frames that it counts.
        facts: settings, seed, data digests, source commit, progress and validation scores.
        optimizer: the optimizer's state, None in a finished checkpoint.
    """

    model: dict[str, Any]
    input_size: int
    facts: dict[str, Any]
    optimizer: dict[str, Any] | None

    def counter(self) -> Counter:
        """The model with these weights, ready to count."""
        counter = Counter()
        counter.load_state_dict(self.model)
        return counter.eval()


def _shapes(state: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(value, "shape", None) for name, value in state.items()}


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the previous one stays whole until the new one is."""
    content = {"format": FORMAT, **vars(checkpoint)}
    write_with(path, lambda temporary: _save(content, temporary))


def _save(content: dict[str, Any], path: Path) -> None:
    try:
        torch.save(content, path)
    except RuntimeError as error:  # torch's own words for a full disk
        raise OSError(f"torch cannot write it: {str(error).partition(chr(10))[0][:120]}") from error


def average(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """Average the weights of checkpoints of one lineage, each begun with the one before; the last one's input size stays, and the facts of all.

    Source:
        Wortsman et al. 2022, Model soups, section 2 (uniform soup).
    """
    states = [one.model for one in checkpoints]
    model = {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in states[-1].items()
    }
    facts = checkpoints[-1].facts if len(checkpoints) == 1 else {"averaged": [one.facts for one in checkpoints]}
    return Checkpoint(model, checkpoints[-1].input_size, facts, None)


def read(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: the file is missing, damaged, or no checkpoint of this version.
    """
    content = load_torch(path, "'bintally train' writes checkpoints")
    names = {"format", *Checkpoint.__dataclass_fields__}
    if not isinstance(content, dict) or set(content) != names or content.pop("format") != FORMAT:
        raise InputError(f"{path}: a torch file, but no checkpoint of the form {FORMAT}")
    checkpoint = Checkpoint(**content)
    if not isinstance(checkpoint.model, dict) or not isinstance(checkpoint.facts, dict) or not isinstance(checkpoint.input_size, int):
        raise InputError(f"{path}: a checkpoint of the form {FORMAT}, but damaged; train again")
    if _shapes(checkpoint.model) != _shapes(Counter().state_dict()):
        raise InputError(f"{path}: the weights are not those of this version's ResNet50 counter; train again")
    return checkpoint
