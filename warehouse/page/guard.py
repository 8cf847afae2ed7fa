"""Who may come in: whoever has a token of the API that may read."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TypeAlias

from bintally.pages import members
from bintally.pages.asked import RefusedError
from bintally.pages.members import Badge
from warehouse.api.deps import Api
from warehouse.api.door import Keys
from warehouse.api.scopes import Caller
from warehouse.ledger import audit
from warehouse.ledger.tokens import digest

Member: TypeAlias = members.Member[Caller]


class LedgerDoor:
    """Knows the ledger's tokens; one that is revoked or expired ends its sessions within seconds.

    Args:
        api: of which this is the page.
        keys: who has which token.
    """

    def __init__(self, api: Api, keys: Keys) -> None:
        self._api, self._keys = api, keys

    def owner(self, token: str) -> Badge | None:
        """Whose token it is; None: nobody's.

        Raises:
            RefusedError: it is somebody's, but may not read.
        """
        hashed = digest(token)
        caller = self._keys.look(hashed, time.monotonic())
        if caller is None:
            return None
        if caller.scopes.isdisjoint(("read", "admin")):
            text = "This token may not read, so there is nothing to show; ask for one with the scope read."
            raise RefusedError(HTTPStatus.FORBIDDEN, text)
        return Badge(caller.name, hashed)

    def still(self, badge: Badge) -> Caller | None:
        """Who it is now; None: the token is nobody's any more."""
        now = time.monotonic()
        return self._keys.fresh(badge.token_hash, now) or self._keys.look(badge.token_hash, now)

    def entered(self, badge: Badge, client: str) -> None:
        """Write it down."""
        with self._api.ledger.begin() as tx:
            audit.note(tx, badge.name, "login", f"on the page, from {client}", self._api.now())
