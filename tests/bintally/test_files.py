"""Atomic writing: a reader sees the old content or the new."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bintally.errors import InputError, UnavailableError
from bintally.files import make_folder, write_atomically, write_with


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "settings.json"
    path.write_text("old")
    return path


def _full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_new_content_replaces_the_old(path: Path) -> None:
    write_atomically(path, "neu – ü")
    assert path.read_text("utf-8") == "neu – ü"
    write_atomically(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_content_and_no_temporary_file(path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os if step == "fsync" else Path, step, _full_disk)
    with pytest.raises(UnavailableError, match=r"settings\.json: cannot be written \(No space left on device\); free space"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [InputError("bad"), KeyboardInterrupt(), ValueError("bug")])
def test_a_writer_that_stops_half_way_leaves_the_old_content(path: Path, failure: BaseException) -> None:
    def write(temporary: Path) -> None:
        temporary.write_text("ne")
        raise failure

    with pytest.raises(type(failure)):
        write_with(path, write)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="gone/file: cannot be written"):
        write_atomically(tmp_path / "gone" / "file", "x")


def test_folders_are_made_with_those_above(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    make_folder(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match=r"file/c: cannot make this folder \(Not a directory\); choose another"):
        make_folder(tmp_path / "file" / "c")
