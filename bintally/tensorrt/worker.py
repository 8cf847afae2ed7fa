"""The process in which an engine is built or tried, so that its parent can report, stop, and survive a crash of TensorRT.

In the same process a build would be silent: ONNX Runtime up to 1.23 holds Python's lock while it makes a session.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from pydantic import BaseModel

from bintally.bundle import read_manifest
from bintally.errors import BintallyError
from bintally.processes import die_with, own_stdout
from bintally.tensorrt.artifact import Kind, Profile
from bintally.tensorrt.plain import build_plain
from bintally.tensorrt.provider import open_with_cache


class Request(BaseModel):
    """What to build, or for a provider's engine that is there, to try."""

    kind: Kind
    bundle: Path
    folder: Path
    profile: Profile


class Answer(BaseModel):
    """Seconds of work, or why it failed: the error's class in ``bintally.errors`` and its text."""

    seconds: float | None = None
    error: tuple[str, str] | None = None


def answer(request: Request) -> Answer:
    """Do what is asked."""
    try:
        manifest = read_manifest(request.bundle)
        started = time.monotonic()
        if request.kind == "plain":
            build_plain(request.bundle, manifest, request.folder, request.profile)
        else:
            open_with_cache(request.bundle, manifest, request.folder, request.profile)
        return Answer(seconds=time.monotonic() - started)
    except BintallyError as error:
        return Answer(error=(type(error).__name__, str(error)))


def main() -> None:
    """Answer the request of the command line on standard output."""
    request, parent = json.loads(sys.argv[1]), int(sys.argv[2])
    die_with(parent)  # its next life builds into the same folder
    with own_stdout() as out:
        out.write(answer(Request.model_validate(request)).model_dump_json())


if __name__ == "__main__":
    main()
