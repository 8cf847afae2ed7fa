"""Which travel-time network a checkpoint holds: numbers only, so that a reader needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Design:
    """The network's form.

    Attributes:
        cell_m: length of a raster cell; as places lie apart, so that no two share one.
        aisle: features of an aisle.
        looks: how often each aisle looks at its neighbours.
        told: features that an aisle tells the whole of itself at last.
        width: features of the whole.
        depth: blocks behind that.
    """

    cell_m: float = 1.0
    aisle: int = 48
    looks: int = 3
    told: int = 24
    width: int = 128
    depth: int = 1

    def __str__(self) -> str:
        return f"{self.looks} looks of {self.aisle} features an aisle, and {self.depth} blocks of {self.width}"
