"""A travel-time bundle, opened: ONNX Runtime behind the graph's own inputs and outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bintally.errors import InputError
from bintally.sealed import Sealed, first_line, open_sealed
from bintally.travel_time.manifest import TravelTimeManifest

INPUTS = {"picks": 3, "base": 2}
OUTPUTS = ("value", "spread")
"""What a graph takes, with the number of dimensions, and gives."""


class TravelTimeNetwork:
    """A network that is ready to estimate; threads may share it.

    Attributes:
        path: where it was read from.
        manifest: what it says of itself.
        digest: SHA-256 of the whole file.
    """

    def __init__(self, sealed: Sealed[TravelTimeManifest]) -> None:
        self.path, self.manifest, self.digest, self._session = sealed.path, sealed.manifest, sealed.digest, sealed.session

    def run(self, picks: NDArray[np.float32], base: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the graph.

        Args:
            picks: float32 [n, L, 3], L ≥ 1: column, y_m and quantity; padded behind with quantity 0.
            base: float32 [n, B], the manifest's bases.

        Returns:
            Value and spread, float32 [n] each.
        """
        value, spread = self._session.run(OUTPUTS, {"picks": picks, "base": base})
        return value, spread

    def check_golden(self) -> None:
        """Run the golden lists.

        Raises:
            InputError: this machine's answers differ from those of the machine that made the bundle, or the lists cannot be run.
        """
        try:
            answers = np.array(self.run(*self.manifest.golden_inputs()), np.float64)
        except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
            raise InputError(f"{self.path}: its golden lists cannot be run ({first_line(error)}); fetch or export it again") from error
        wanted = self.manifest.golden_answers()
        difference = float((np.abs(answers - wanted) / np.abs(wanted)).max())
        if not difference <= self.manifest.golden_tolerance:
            raise InputError(
                f"{self.path}: answers differ by {difference:.2%} from the golden ones (at most {self.manifest.golden_tolerance:.2%}); "
                "this machine computes otherwise than the one that made it: export it here"
            )


def open_network(path: Path, threads: int = 1) -> TravelTimeNetwork:
    """Open a travel-time bundle and prove that it estimates here as it did where it was made.

    Args:
        path: the ``.onnx`` file.
        threads: for one run of the graph; 0 for one a core.

    Raises:
        InputError: the file is missing, damaged, altered, of another schema or task, or answers differently on this machine.
    """
    sealed = open_sealed(path, TravelTimeManifest, threads=threads)
    _check_signature(sealed)
    network = TravelTimeNetwork(sealed)
    network.check_golden()
    return network


def _check_signature(sealed: Sealed[TravelTimeManifest]) -> None:
    """Any number of lists, of any length: the sizes that must be free are no numbers."""
    inputs, outputs = sealed.session.get_inputs(), sealed.session.get_outputs()
    shapes = {value.name: list(value.shape) for value in inputs}
    right = {name: len(shape) for name, shape in shapes.items()} == INPUTS
    right = right and (shapes["picks"][2], shapes["base"][1]) == (3, len(sealed.manifest.bases))
    free = right and not any(isinstance(size, int) for size in (*shapes["picks"][:2], shapes["base"][0]))
    floats = {value.type for value in [*inputs, *outputs]} == {"tensor(float)"}
    if not (free and floats) or tuple(value.name for value in outputs) != OUTPUTS:
        found = [f"{value.name} {value.type} {value.shape}" for value in [*inputs, *outputs]]
        raise InputError(f"{sealed.path}: the graph takes and gives {', '.join(found)}: no travel-time graph; export it again")
