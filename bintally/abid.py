"""The Amazon Bin Image Dataset's layout: ``bin-images/<id>.jpg`` beside ``metadata/<id>.json`` with ``EXPECTED_QUANTITY``.

Source: https://registry.opendata.aws/amazon-bin-imagery/
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bintally.errors import InputError

IMAGES, METADATA = "bin-images", "metadata"


@dataclass(frozen=True)
class Metadata:
    """What the books say of a bin.

    Attributes:
        quantity: how many items it holds.
        asins: of which articles.
        listed: sum of the quantities of the articles, None where one has none or the articles are not known; in a few files it differs
            from ``quantity``.
        volume_l: litres that the items take together, None where a size is missing or the articles are not known.
        centres: of a rendered bin, the centre (x, y) of each item's visible part in shares of width and height.
    """

    quantity: int
    asins: frozenset[str]
    listed: int | None = None
    volume_l: float | None = None
    centres: tuple[tuple[float, float], ...] | None = None


def read_metadata(path: Path) -> Metadata:
    """Read one metadata file.

    Raises:
        InputError: the file is missing, is not JSON, or has no usable ``EXPECTED_QUANTITY``.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no metadata file for this image; add it or take the image out") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a readable JSON file ({error}); fetch it again") from error
    quantity = content.get("EXPECTED_QUANTITY") if isinstance(content, dict) else None
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 0:
        raise InputError(f"{path}: EXPECTED_QUANTITY is {quantity!r}; it must be a whole number of items, 0 or more")
    articles = content.get("BIN_FCSKU_DATA", {})
    if not isinstance(articles, dict):
        raise InputError(f"{path}: BIN_FCSKU_DATA must be an object with one entry an article")
    known = "BIN_FCSKU_DATA" in content
    listed, volume_l = (_listed(articles), _volume_l(articles)) if known else (None, None)
    return Metadata(quantity, frozenset(articles), listed, volume_l, _centres(content, quantity))


def _listed(articles: dict[str, Any]) -> int | None:
    quantities = [article.get("quantity") if isinstance(article, dict) else None for article in articles.values()]
    numbers = [quantity for quantity in quantities if isinstance(quantity, int)]
    return sum(numbers) if len(numbers) == len(quantities) else None


_LITRES = {"IN": 0.016387064, "CM": 0.001}
"""A cubic inch and a cubic centimetre."""


def _volume_l(articles: dict[str, Any]) -> float | None:
    total = 0.0
    for article in articles.values():
        try:
            sides = [article[side] for side in ("length", "width", "height")]
            litres = [side["value"] * _LITRES[side["unit"]] ** (1 / 3) for side in sides]
            total += math.prod(litres) * article["quantity"]
        except (KeyError, TypeError):
            return None
    return total


def _centres(content: dict[str, Any], quantity: int) -> tuple[tuple[float, float], ...] | None:
    try:
        centres = tuple((float(x), float(y)) for x, y in content["RENDERED"]["centres"])
    except (KeyError, TypeError, ValueError):
        return None
    return centres if len(centres) == quantity else None


def metadata_path(image: Path) -> Path:
    """Where the metadata of an image of this layout stands."""
    return image.parent.parent / METADATA / f"{image.stem}.json"


def image_paths(folder: Path) -> list[Path]:
    """What stands among the images of a data set in this layout, by name; hidden ones are not seen.

    Raises:
        InputError: the folder is missing, has another layout, or holds no file.
    """
    images = folder / IMAGES
    if not images.is_dir():
        raise InputError(f"{folder}: no folder {IMAGES}/ in it; expected {IMAGES}/<id>.jpg and {METADATA}/<id>.json")
    paths = sorted(path for path in images.iterdir() if not path.name.startswith("."))
    if not paths:
        raise InputError(f"{images}: no image in it")
    return paths


def metadata_json(quantity: int, articles: dict[str, int] | None, extra: dict[str, Any]) -> str:
    """Metadata in the data set's own form.

    Args:
        quantity: items in the bin.
        articles: ASIN and how many of it; None where nobody knows.
        extra: more top-level keys.
    """
    entries = {asin: {"asin": asin, "name": asin, "quantity": number} for asin, number in (articles or {}).items()}
    known = {} if articles is None else {"BIN_FCSKU_DATA": entries}
    return json.dumps({**known, "EXPECTED_QUANTITY": quantity, **extra}, indent=1)
