"""Read a count bundle: one ONNX file with its manifest inside, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from bintally.errors import InputError
from bintally.frames import Frame, resize
from bintally.manifest import Manifest
from bintally.processor import saturates
from bintally.sealed import DEFAULT_PROVIDERS, Provider, Sealed, first_line, open_sealed

__all__ = ["DEFAULT_BUNDLE", "Bundle", "Provider", "open_bundle", "read_manifest"]

DEFAULT_BUNDLE = Path(str(files("bintally") / "models" / "bin-counter.onnx"))


class Bundle:
    """A counter that is ready to count.

    Attributes:
        path: where it was read from.
        manifest: what it says of itself.
        digest: SHA-256 of the whole file.
    """

    def __init__(self, path: Path, manifest: Manifest, digest: str, session: ort.InferenceSession) -> None:
        self.path, self.manifest, self.digest, self._session = path, manifest, digest, session
        self._options = ort.RunOptions()

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
        probabilities: NDArray[np.float32] = self._session.run(["probabilities"], {"frames": frames}, self._options)[0]
        return probabilities

    def stop(self) -> None:
        """Give up the frame that another thread has it count, be it in an endless loop, and all later ones; only a driver's call goes on."""
        self._options.terminate = True

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
            raise InputError(f"{self.path}: its golden inputs cannot be run ({first_line(error)}); fetch or export it again") from error
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
        InputError: the file is missing, damaged, altered, of another schema or task, for another processor, or answers differently on
            this machine.
    """
    sealed = _checked(path, providers, threads)
    if sealed.manifest.target in ("cpu-vnni", "arm") and saturates():  # its few golden inputs need not show it
        raise InputError(
            f"{path}: made for {sealed.manifest.target}; on this processor its sums would overflow: export one for the target cpu"
        )
    bundle = Bundle(path, sealed.manifest, sealed.digest, sealed.session)
    bundle.check_golden()
    return bundle


def read_manifest(path: Path) -> Manifest:
    """Read what a bundle says of itself, checked but for its answers: where these are not computed by ``open_bundle``'s providers.

    Raises:
        InputError: the file is missing, damaged, altered, or of another schema or task.
    """
    return _checked(path, DEFAULT_PROVIDERS, 1).manifest


def _checked(path: Path, providers: Sequence[Provider], threads: int) -> Sealed[Manifest]:
    sealed = open_sealed(path, Manifest, providers, threads)
    manifest, inputs = sealed.manifest, sealed.session.get_inputs()
    wanted = ["frames", "tensor(uint8)", [manifest.input.height, manifest.input.width, 3]]
    found = [inputs[0].name, inputs[0].type, list(inputs[0].shape[1:])] if len(inputs) == 1 else [len(inputs), "inputs", []]
    outputs = [(output.name, list(output.shape[1:])) for output in sealed.session.get_outputs()]
    if found != wanted or outputs != [("probabilities", [len(manifest.classes)])]:
        raise InputError(f"{path}: the graph takes {found} and gives {outputs}, its manifest says otherwise; export it again")
    return sealed
