"""Write torch files whole, read them, and tell clearly those that are none."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import torch

from bintally.errors import InputError
from bintally.files import write_with

_UNREADABLE = (OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError, struct.error, pickle.UnpicklingError)
"""What ``torch.load`` raises on other files: its unpickler stumbles in many ways."""


def save_torch(path: Path, content: Any) -> None:
    """Write tensors and plain values; the previous file stays whole until the new one is.

    Raises:
        UnavailableError: the disk is full or cannot be written to.
    """
    write_with(path, lambda temporary: _save(content, temporary))


def _save(content: Any, path: Path) -> None:
    try:
        torch.save(content, path)
    except RuntimeError as error:  # torch's own words for a full disk
        raise OSError(f"torch cannot write it: {str(error).partition(chr(10))[0][:120]}") from error


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


def shapes(state: dict[str, Any]) -> dict[str, Any]:
    """Of a state dict's tensors, by name; None for what is no tensor."""
    return {name: getattr(value, "shape", None) for name, value in state.items()}
