"""Checkpoints: the whole state of a run, written so that a crash never leaves half of one."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bintally.errors import InputError
from bintally.files import write_with
from trainer.model import Counter

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


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the previous one stays whole until the new one is."""
    content = {"format": FORMAT, **vars(checkpoint)}
    write_with(path, lambda temporary: torch.save(content, temporary))


def read(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: the file is missing, damaged, or no checkpoint of this version.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such checkpoint; 'bintally train' writes one") from error
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a checkpoint, or damaged; 'bintally train' writes one") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise InputError(f"{path}: a torch file, but no checkpoint of the form {FORMAT}")
    checkpoint = Checkpoint(**content)
    expected = Counter().state_dict()
    if {name: value.shape for name, value in checkpoint.model.items()} != {name: value.shape for name, value in expected.items()}:
        raise InputError(f"{path}: the weights are not those of this version's ResNet50 counter; train again")
    return checkpoint
