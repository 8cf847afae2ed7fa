"""Put a given number of items into a bin so that each of them can still be seen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bintally.scenes._items import KINDS, draw_item, lay, shrink
from bintally.scenes._types import Interior, Placed, Sprite

MIN_VISIBLE = 0.42
"""No item is covered more than this leaves, or nobody could count it."""
_MIN_SEEN_PX = 420
"""Nor may the part that is seen be smaller than about 20 by 20 pixels of the 480 by 360 frame."""
_MAX_ATTEMPTS, _SHRINK = 2000, 0.85
_UPRIGHT_SD = {"box": 3.0, "book": 9.0, "bag": 22.0, "bottle": 4.0}
_LYING = {"box": 0.12, "book": 0.3, "bag": 0.2, "bottle": 0.15}


@dataclass
class Filling:
    """The items in one bin; later ones stand in front of earlier ones.

    Attributes:
        inside: where items may stand.
        shape: height and width of the frame, pixels.
        items: what has been placed.
        owner: int16 [height, width]; the index of the item seen at a pixel, −1 where none is.
    """

    inside: Interior
    shape: tuple[int, int]
    items: list[Placed] = field(default_factory=list)
    owner: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.owner = np.full(self.shape, -1, np.int16)

    def visible(self) -> list[float]:
        """For each item, the share of its picture that is seen."""
        seen = np.bincount(self.owner[self.owner >= 0].ravel(), minlength=len(self.items))
        return [float(seen[i] / max(1.0, (item.sprite.alpha > 0.5).sum())) for i, item in enumerate(self.items)]

    def centres(self) -> list[tuple[float, float]]:
        """For each item, the mean place of the pixels at which it is seen: x and y in shares of width and height."""
        height, width = self.shape
        rows, columns = np.nonzero(self.owner >= 0)
        owners = self.owner[rows, columns]
        seen = np.maximum(np.bincount(owners, minlength=len(self.items)), 1)
        x = np.bincount(owners, columns + 0.5, minlength=len(self.items)) / seen / width
        y = np.bincount(owners, rows + 0.5, minlength=len(self.items)) / seen / height
        return list(zip(x.tolist(), y.tolist(), strict=True))

    def add(self, rng: np.random.Generator, sprite: Sprite, article: int) -> Placed:
        """Place one more item in front of the others, smaller if there is no room for it.

        Raises:
            RuntimeError: there is no room at all.
        """
        for attempt in range(_MAX_ATTEMPTS):
            if attempt and attempt % 12 == 0 and sprite.area * _SHRINK**2 >= _MIN_SEEN_PX:
                sprite = shrink(sprite, _SHRINK)
            placed = self._try(rng, lay(sprite, _lean(rng, sprite.kind)), article)
            if placed is not None:
                return placed
        raise RuntimeError(f"no room for one more item among {len(self.items)}")

    def remove_last(self) -> None:
        """Take the front item away again."""
        items = self.items[:-1]
        self.items = []
        self.owner.fill(-1)
        for item in items:
            self._claim(item)

    def _try(self, rng: np.random.Generator, sprite: Sprite, article: int) -> Placed | None:
        height, width = sprite.alpha.shape
        if width > self.inside.width or height > self.inside.height:
            return None
        left = int(rng.integers(self.inside.left, self.inside.right - width + 1))
        top = self._base(rng, left, width, height) - height
        if top < self.inside.top:
            return None
        before = self.owner.copy()
        placed = Placed(sprite, left, top, article)
        self._claim(placed)
        seen = np.bincount(self.owner[self.owner >= 0].ravel(), minlength=len(self.items))
        if min(self.visible()) >= MIN_VISIBLE and seen.min() >= _MIN_SEEN_PX:
            return placed
        self.items.pop()
        self.owner = before
        return None

    def _base(self, rng: np.random.Generator, left: int, width: int, height: int) -> int:
        """The row at which an item stands: the floor, or the top of what lies there already."""
        columns = self.owner[:, left : left + width] >= 0
        if rng.random() < 0.5 and columns.any():
            tops = np.where(columns.any(0), columns.argmax(0), self.inside.bottom)
            return min(self.inside.bottom, int(np.quantile(tops, 0.3) + rng.uniform(0, 0.2) * height))
        return self.inside.bottom - int(rng.uniform(0, 0.09) * self.inside.height)

    def _claim(self, item: Placed) -> None:
        height, width = item.sprite.alpha.shape
        area = self.owner[item.top : item.top + height, item.left : item.left + width]
        area[item.sprite.alpha > 0.5] = len(self.items)
        self.items.append(item)


def _lean(rng: np.random.Generator, kind: str) -> float:
    lying = 90.0 if rng.random() < _LYING[kind] else 0.0
    return lying + float(rng.normal(0, _UPRIGHT_SD[kind]))


class Assortment:
    """Draws the sprites of one scene: how large, how printed, how often the same article.

    The size of the items is drawn so that the area they cover together says little about their number.
    """

    def __init__(self, rng: np.random.Generator, quantity: int, inside: Interior) -> None:
        fill = rng.uniform(0.1 + 0.025 * min(quantity, 8), 0.85)
        self._mean_area = fill * inside.width * inside.height / max(1, quantity)
        self._spread = rng.uniform(0.1, 0.75)
        self._density = rng.uniform(0, 1)
        self._repeat = rng.uniform(0, 0.85)
        self._kinds = rng.dirichlet(np.full(len(KINDS), 0.7))
        self._articles: list[Sprite] = []

    def next(self, rng: np.random.Generator) -> tuple[Sprite, int]:
        """The next item's sprite and the number of its article."""
        if self._articles and rng.random() < self._repeat:
            article = int(rng.integers(len(self._articles)))
            return self._articles[article], article
        area = max(1100.0, self._mean_area * float(rng.lognormal(0, self._spread)))
        kind = KINDS[rng.choice(len(KINDS), p=self._kinds)]
        self._articles.append(draw_item(rng, kind, area, self._density * rng.uniform(0.3, 1.2)))
        return self._articles[-1], len(self._articles) - 1
