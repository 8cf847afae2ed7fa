"""Read files that ``torch.save`` wrote, and tell clearly those that it did not write."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import torch

from bintally.errors import InputError

_UNREADABLE = (OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError, struct.error, pickle.UnpicklingError)
"""What ``torch.load`` raises on other files: its unpickler stumbles in many ways."""


def load_torch(path: Path, advice: str) -> Any:
    """Read tensors and plain values, never code.

    Args:
        path: the file.
        advice: what to do when it cannot be used; ends the error's text.

    Raises:
        InputError: the file is missing, damaged, or none of torch's.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; {advice}") from error
    except _UNREADABLE as error:
        raise InputError(f"{path}: none of torch's files, or damaged; {advice}") from error
