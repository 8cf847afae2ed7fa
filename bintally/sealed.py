"""A bundle as a file, whatever its task: one ONNX graph with its manifest behind it, proven to be what its exporter wrote."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import onnxruntime as ort

from bintally.errors import InputError
from bintally.manifest_base import ManifestT, parse

MANIFEST_KEY, DIGEST_KEY = "bintally", "bintally.sha256"
"""Keys of ``metadata_props``: the manifest, and the SHA-256 of its text."""
Provider = str | tuple[str, dict[str, str]]
"""Name of an execution provider, alone or with its options."""
DEFAULT_PROVIDERS: tuple[Provider, ...] = ("CPUExecutionProvider",)
ort.disable_telemetry_events()  # a station tells nobody but its broker


@dataclass(frozen=True)
class Sealed(Generic[ManifestT]):
    """A graph that can be run, and what it says of itself.

    Attributes:
        path: where it was read from.
        manifest: of the task that was asked for.
        digest: SHA-256 of the whole file.
        session: ONNX Runtime's.
    """

    path: Path
    manifest: ManifestT
    digest: str
    session: ort.InferenceSession


def open_sealed(
    path: Path, kind: type[ManifestT], providers: Sequence[Provider] = DEFAULT_PROVIDERS, threads: int = 0
) -> Sealed[ManifestT]:
    """Open a bundle of one task; what its graph answers is not looked at.

    Args:
        path: the ``.onnx`` file.
        kind: the task's manifest.
        providers: ONNX Runtime execution providers by preference; those that are missing here are passed over.
        threads: for one run of the graph; 0 for one a core.

    Raises:
        InputError: the file is missing, damaged, altered, of another schema or another task.
    """
    content = _content(path)
    session = _session(content, path, providers, threads)
    manifest = _manifest(session, kind, path)
    if hashlib.sha256(content[: manifest.graph_bytes]).hexdigest() != manifest.graph_sha256:
        raise InputError(f"{path}: the graph is not the one that its manifest names (altered or damaged); fetch it again")
    return Sealed(path, manifest, hashlib.sha256(content).hexdigest(), session)


def first_line(error: Exception) -> str:
    """What an exception of ONNX Runtime says, without the place in its source that may stand before it."""
    text = re.sub(r"^/\S+:\d+ .*?\) (?=\S)", "", str(error).partition("\n")[0])
    return text[:160] or type(error).__name__


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such bundle; 'bintally export' makes one") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a bundle's .onnx file") from error


def _session(content: bytes, path: Path, providers: Sequence[Provider], threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    present = set(ort.get_available_providers())
    names = [one if isinstance(one, str) else one[0] for one in providers]
    usable = [one for one, name in zip(providers, names, strict=True) if name in present]
    if not usable:
        raise InputError(f"none of the execution providers {', '.join(names)} is here; ONNX Runtime has {', '.join(sorted(present))}")
    try:  # ONNX Runtime's own fall-back prints to standard output, hides the reason, and goes on with the CPU
        return ort.InferenceSession(content, options, providers=usable, enable_fallback=0)
    except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
        raise InputError(f"{path}: no ONNX graph that can be loaded ({first_line(error)}); fetch or export it again") from error


def _manifest(session: ort.InferenceSession, kind: type[ManifestT], path: Path) -> ManifestT:
    metadata = session.get_modelmeta().custom_metadata_map
    text = metadata.get(MANIFEST_KEY)
    if text is None:
        raise InputError(f"{path}: an ONNX file without bintally's manifest; 'bintally export' makes bundles")
    manifest = parse(kind, text, str(path))
    if hashlib.sha256(text.encode()).hexdigest() != metadata.get(DIGEST_KEY):
        raise InputError(f"{path}: the manifest was altered after export (its digest differs); fetch or export it again")
    return manifest
