"""A warehouse whose bins are known by aisle, block and position, as people and the ledger name them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from bintally.errors import InputError
from bintally.layouts._build import Site, shelf_of
from bintally.layouts.ladder import Ladder
from bintally.layouts.model import Stock
from bintally.layouts.picks import Shelf


@dataclass(frozen=True)
class Hall:
    """A layout, its ladder, and where places lie in it; ``bintally.layouts.files.parse_layout`` makes one.

    Attributes:
        site: the layout in coordinates.
    """

    site: Site

    @property
    def ladder(self) -> Ladder:
        """For the routers."""
        return self.site.ladder

    def shelf(self, name: str, aisle: int, block: int, position_m: float, quantity: int | None = None) -> Shelf:
        """A place in the ladder's coordinates.

        Args:
            name: what lies there, or the place's own name.
            aisle: counted from 0.
            block: likewise.
            position_m: from the block's first position.
            quantity: items that lie there, None for enough.

        Raises:
            InputError: the layout has no such place.
        """
        try:
            entry = Stock(article=name, aisle=aisle, block=block, position_m=position_m, quantity=quantity)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise InputError(f"{name}: {first['loc'][0]} = {first['input']}: {first['msg']}") from error
        return shelf_of(self.site, entry, name)
