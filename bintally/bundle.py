"""Read a bundle: one ONNX file with its manifest inside, run by ONNX Runtime."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from bintally.errors import InputError
from bintally.frames import Frame, resize
from bintally.manifest import Manifest, parse_manifest
from bintally.processor import saturates

MANIFEST_KEY, DIGEST_KEY = "bintally", "bintally.sha256"
"""Keys of ``metadata_props``: the manifest, and the SHA-256 of its text."""
DEFAULT_BUNDLE = Path(str(files("bintally") / "models" / "bin-counter.onnx"))
Provider = str | tuple[str, dict[str, str]]
"""Name of an execution provider, alone or with its options."""
DEFAULT_PROVIDERS: tuple[Provider, ...] = ("CPUExecutionProvider",)
ort.disable_telemetry_events()  # a station tells nobody but its broker


class Bundle:
    """A counter that is ready to count.

    Attributes:
        path: where it was read from.
        manifest: what it says of itself.
        digest: SHA-256 of the whole file.
    """

    def __init__(self, path: Path, manifest: Manifest, digest: str, session: ort.InferenceSession) -> None:
        self.path, self.manifest, self.digest, self._session = path, manifest, digest, session

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames that the graph takes."""
        return self.manifest.input.height, self.manifest.input.width

    @property
    def providers(self) -> list[str]:
        """The execution providers that took the graph; a provider whose libraries are missing is not among them."""
        return list(self._session.get_providers())

    def probabilities(self, frames: Frame) -> NDArray[np.float32]:
        """Run the graph.

        Args:
            frames: uint8 [n, height, width, 3], BGR, resized by ``bintally.frames.resize`` to ``size``.

        Returns:
            float32 [n, classes]; rows sum to 1.
        """
        probabilities: NDArray[np.float32] = self._session.run(["probabilities"], {"frames": frames})[0]
        return probabilities

    def count_frame(self, frame: Frame) -> NDArray[np.float32]:
        """Resize one camera frame, uint8 [h, w, 3], and run the graph: float32 [classes]."""
        row: NDArray[np.float32] = self.probabilities(resize(frame, self.size)[None])[0]
        return row

    def check_golden(self) -> None:
        """Run the golden inputs.

        Raises:
            InputError: this machine's answers differ from those of the machine that made the bundle, or the inputs cannot be run.
        """
        try:
            answers = self.probabilities(self.manifest.golden_frames())
        except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
            raise InputError(f"{self.path}: its golden inputs cannot be run ({_first_line(error)}); fetch or export it again") from error
        difference = float(np.abs(answers - self.manifest.golden_probabilities()).max())
        if not difference <= self.manifest.golden_tolerance:
            raise InputError(
                f"{self.path}: answers differ by {difference:.3f} from the golden ones (at most {self.manifest.golden_tolerance}); "
                f"this bundle is for {self.manifest.target}: export one for this machine"
            )


def open_bundle(path: Path = DEFAULT_BUNDLE, providers: Sequence[Provider] = DEFAULT_PROVIDERS, threads: int = 0) -> Bundle:
    """Open a bundle and prove that it counts here as it did where it was made.

    Args:
        path: the ``.onnx`` file.
        providers: ONNX Runtime execution providers by preference; those that are missing here are passed over.
        threads: for one frame; 0 for one a core.

    Raises:
        InputError: the file is missing, damaged, altered, of another schema, for another processor, or answers differently on this machine.
    """
    content = _content(path)
    session = _session(content, path, providers, threads)
    manifest = _checked_manifest(session, content, path)
    if manifest.target in ("cpu-vnni", "arm") and saturates():  # its few golden inputs need not show it
        raise InputError(f"{path}: made for {manifest.target}; on this processor its sums would overflow: export one for the target cpu")
    bundle = Bundle(path, manifest, hashlib.sha256(content).hexdigest(), session)
    bundle.check_golden()
    return bundle


def read_manifest(path: Path) -> Manifest:
    """Read what a bundle says of itself, checked but for its answers: where these are not computed by ``open_bundle``'s providers.

    Raises:
        InputError: the file is missing, damaged, altered or of another schema.
    """
    content = _content(path)
    return _checked_manifest(_session(content, path, DEFAULT_PROVIDERS, 1), content, path)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such bundle; 'bintally export' makes one") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a bundle's .onnx file") from error


def _checked_manifest(session: ort.InferenceSession, content: bytes, path: Path) -> Manifest:
    manifest = _manifest(session, path)
    if hashlib.sha256(content[: manifest.graph_bytes]).hexdigest() != manifest.graph_sha256:
        raise InputError(f"{path}: the graph is not the one that its manifest names (altered or damaged); fetch it again")
    _check_signature(session, manifest, path)
    return manifest


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
        raise InputError(f"{path}: no ONNX graph that can be loaded ({_first_line(error)}); fetch or export it again") from error


def _first_line(error: Exception) -> str:
    """What an exception of ONNX Runtime says, without the place in its source that may stand before it."""
    text = re.sub(r"^/\S+:\d+ .*?\) (?=\S)", "", str(error).partition("\n")[0])
    return text[:160] or type(error).__name__


def _manifest(session: ort.InferenceSession, path: Path) -> Manifest:
    metadata = session.get_modelmeta().custom_metadata_map
    text = metadata.get(MANIFEST_KEY)
    if text is None:
        raise InputError(f"{path}: an ONNX file without bintally's manifest; 'bintally export' makes bundles")
    manifest = parse_manifest(text, str(path))
    if hashlib.sha256(text.encode()).hexdigest() != metadata.get(DIGEST_KEY):
        raise InputError(f"{path}: the manifest was altered after export (its digest differs); fetch or export it again")
    return manifest


def _check_signature(session: ort.InferenceSession, manifest: Manifest, path: Path) -> None:
    wanted = ["frames", "tensor(uint8)", [manifest.input.height, manifest.input.width, 3]]
    inputs = session.get_inputs()
    found = [inputs[0].name, inputs[0].type, list(inputs[0].shape[1:])] if len(inputs) == 1 else [len(inputs), "inputs", []]
    outputs = [(output.name, list(output.shape[1:])) for output in session.get_outputs()]
    if found != wanted or outputs != [("probabilities", [len(manifest.classes)])]:
        raise InputError(f"{path}: the graph takes {found} and gives {outputs}, its manifest says otherwise; export it again")
