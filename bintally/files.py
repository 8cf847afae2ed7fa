"""Write files that matter: a reader sees the old content or the new, never a part."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from bintally.errors import UnavailableError


def write_atomically(path: Path, content: bytes | str, mode: int = 0o644) -> None:
    """Write a whole file: temporary file in the same folder, fsync, rename, fsync the folder.

    Args:
        path: where to; its folder must exist.
        content: bytes, or text that is written as UTF-8.
        mode: who may read it; 0o600 for keys, which nobody else can read at any moment.

    Raises:
        UnavailableError: the disk is full or the folder cannot be written to; the old file is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    write_with(path, lambda temporary: temporary.write_bytes(data), mode)


def write_with(path: Path, write: Callable[[Path], object], mode: int = 0o644) -> None:
    """Like ``write_atomically``, for a writer that wants a path: ``write`` fills a temporary file that is then renamed."""
    temporary = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        temporary = Path(name)
        os.close(handle)
        write(temporary)
        temporary.chmod(mode)
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be written ({error.strerror or error}); free space or choose another folder") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> Path:
    """Make a folder and those above it.

    Raises:
        UnavailableError: it cannot be made, for instance because a file is in the way.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"{path}: cannot make this folder ({error.strerror or error}); choose another") from error
    return path


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
