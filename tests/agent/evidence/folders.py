"""Counts, pictures and checks for the tests of evidence."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.evidence.entry import name_for
from bintally import abid
from bintally.messages import CountData, CountEvent, Verification
from tests.fakes.events import EPOCH, count_event

_FILE_EVENTS = frozenset({"os.rename", "os.remove", "os.mkdir", "os.chmod", "os.truncate"})


def count(number: int, **changes: Any) -> CountEvent:
    """A count event with other data."""
    event = count_event(f"{EPOCH}-{number}")
    return event.model_copy(update={"data": event.data.model_copy(update=changes)})


def verified(verdict: str) -> CountData:
    """A count that was compared."""
    return count(1, verification=Verification(expected=2, origin="books", verdict=verdict, match_probability=0.1)).data


def jpeg(number: int, size_bytes: int = 1000) -> bytes:
    """Bytes that are a picture as far as a store can tell."""
    return (b"\xff\xd8" + f"{number:08}".encode() * (size_bytes // 8 + 1))[: size_bytes - 2] + b"\xff\xd9"


def bytes_in(folder: Path) -> int:
    """The sizes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def labels(folder: Path) -> dict[str, int]:
    """What ABID's layout says of each picture in it; fails where a picture or its description lacks the other."""
    images = {path.stem for path in (folder / abid.IMAGES).iterdir()}
    assert images == {path.stem for path in (folder / abid.METADATA).iterdir()}
    return {name: abid.read_metadata(folder / abid.METADATA / f"{name}.json").quantity for name in images}


def loose(folder: Path) -> set[str]:
    """The names of pictures without a label; fails where one looks labelled, or is not whole."""
    found = {path.stem for path in (folder / "unlabelled").glob("*.jpg")}
    assert found == {path.stem for path in (folder / "unlabelled").glob("*.json")}
    for name in found:
        assert "EXPECTED_QUANTITY" not in json.loads((folder / "unlabelled" / f"{name}.json").read_bytes())
    return found


def check_sound(folder: Path, max_bytes: int) -> None:
    """Fail unless a folder of evidence is whole and within its quota."""
    assert bytes_in(folder) <= max_bytes
    both = set(labels(folder)) & loose(folder)
    assert not both
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]
    for name in {path.name for path in (folder / "uploaded").iterdir()}:
        assert name_for(name) in {*labels(folder), *loose(folder)}


def killed_at(step: int, folder: Path, work: Callable[[], object]) -> bool:
    """Do something in a child process that is killed (-9) before its ``step``-th change to a file of the folder.

    Returns:
        Whether it was killed; False where there were fewer changes.
    """
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed by itself"
        return os.WIFSIGNALED(status)
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        changes = event in _FILE_EVENTS or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if changes and str(folder) in str(arguments[0]):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(hook)
        work()
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run in the child
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
