"""Who may do what (pure)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, get_args

from bintally.errors import UsageError
from warehouse.api.problems import RefusedError

Scope = Literal["read", "count:correct", "import", "plan", "evidence", "admin"]
"""See everything; say what is in a bin and who goes to look; say what the books expect; plan walks; bring pictures; all of it and webhooks."""


@dataclass(frozen=True)
class Caller:
    """Whose token came with a request.

    Attributes:
        name: of the token; stands in the audit.
        scopes: what it may do.
        site: the only one that it sees; None: all.
        station: the only one whose pictures it may bring; None: all of its sites.
    """

    name: str
    scopes: frozenset[str]
    site: str | None = None
    station: str | None = None

    def must(self, *scopes: Scope) -> None:
        """Go on only with one of these scopes.

        Raises:
            RefusedError: the token has none of them.
        """
        if self.scopes.isdisjoint((*scopes, "admin")):
            words = f"this token has the scopes {', '.join(sorted(self.scopes))}; this needs {' or '.join(scopes)}"
            raise RefusedError(HTTPStatus.FORBIDDEN, f"{words}: ask for another with 'bintally wms token add'")

    def site_of(self, asked: str | None) -> str | None:
        """The site that a request is about: what it asks for, else the token's own, else all (None).

        Raises:
            RefusedError: the token is for another site.
        """
        if self.site is not None and asked not in (None, self.site):
            raise RefusedError(HTTPStatus.FORBIDDEN, "this token is for another site; ask for that one, or for a token of this one")
        return asked if self.site is None else self.site

    def sees(self, site: str) -> bool:
        """Whether there is such a site for this token."""
        return self.site in (None, site)

    def is_station(self, site: str, station: str) -> bool:
        """Whether the token may speak for a station."""
        return self.sees(site) and self.station in (None, station)


def check(scopes: Collection[str], site: str | None, station: str | None) -> None:
    """Refuse a token that would be of no use, or of more than was meant.

    Raises:
        UsageError: a scope is none that there is; or a station is named without its site, or with more than it needs.
    """
    unknown = sorted(set(scopes) - set(get_args(Scope)))
    if unknown or not scopes:
        raise UsageError(f"--scope {', '.join(unknown) or '(none)'}: give some of {', '.join(get_args(Scope))}")
    if station is not None and site is None:
        raise UsageError(f"--station {station}: give its --site, too; stations of several sites may have the same name")
    if station is not None and set(scopes) != {"evidence"}:
        raise UsageError(f"--station {station}: a station's token brings pictures, so its scope is evidence alone")
