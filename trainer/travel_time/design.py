"""Which travel-time network a checkpoint holds: numbers only, so that a reader needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Design:
    """The network's form.

    Attributes:
        cell_m: length of a raster cell; as places lie apart, so that no two share one.
        encoder: hidden features of a sub-aisle.
        sub_aisle: features that are left of it for the mixing.
        width: features of a block of the mixing.
        depth: blocks.
    """

    cell_m: float = 1.0
    encoder: int = 64
    sub_aisle: int = 24
    width: int = 256
    depth: int = 3

    def __str__(self) -> str:
        return f"{self.depth} blocks of {self.width} over {self.sub_aisle} features a sub-aisle"
