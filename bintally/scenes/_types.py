"""Values that the parts of the renderer hand to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from bintally.frames import Frame

Mask = NDArray[Any]
"""float32 [height, width], 0 (clear) to 1 (covered)."""
Bgr = tuple[float, float, float]
BinKind = Literal["fabric", "shelf"]


@dataclass(frozen=True)
class Sprite:
    """One item's picture, before it is placed: ``image`` uint8 [h, w, 3] and ``alpha`` float32 [h, w]."""

    kind: str
    image: Frame
    alpha: Mask

    @property
    def area(self) -> float:
        """Covered pixels."""
        return float(self.alpha.sum())


@dataclass(frozen=True)
class Placed:
    """A sprite at a place of the frame; ``left`` and ``top`` in pixels, may be outside the frame."""

    sprite: Sprite
    left: int
    top: int
    article: int
    """Items of one article look alike."""


@dataclass(frozen=True)
class Interior:
    """The rectangle of the frame in which items may stand, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


@dataclass(frozen=True)
class Scene:
    """One rendered picture with its truth.

    Attributes:
        frame: uint8 [height, width, 3], BGR.
        quantity: exact number of items.
        bin_kind: ``fabric`` or ``shelf``.
        articles: for each item, the number of its article (items of one article look alike).
        item_kinds: for each item, ``box``, ``book``, ``bag`` or ``bottle``.
        visible: for each item, the share of its picture that nothing covers, 0 to 1.
        centres: for each item, the centre (x, y) of what is seen of it, in shares of the frame's width and height.
        foreground: share of the frame that items cover, 0 to 1.
    """

    frame: Frame
    quantity: int
    bin_kind: BinKind
    articles: tuple[int, ...]
    item_kinds: tuple[str, ...]
    visible: tuple[float, ...]
    centres: tuple[tuple[float, float], ...]
    foreground: float

    def facts(self) -> dict[str, Any]:
        """What is known of the scene besides its picture, for a metadata file."""
        return {
            "bin_kind": self.bin_kind,
            "item_kinds": list(self.item_kinds),
            "visible": [round(share, 3) for share in self.visible],
            "centres": [[round(x, 4), round(y, 4)] for x, y in self.centres],
            "foreground": round(self.foreground, 4),
        }
