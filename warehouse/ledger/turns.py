"""One order of what happens at a site, and one writer of its views at a time.

Who adds counts, expectations or corrections takes the site's next turn first. The row of ``site`` is then held until the transaction's
end, so several workers on PostgreSQL write one site's views one after the other, and different sites' at once; on SQLite all writers wait
for each other anyway. Turns are taken in the order of the sites' names, so two transactions never wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from warehouse.ledger.engine import insert
from warehouse.ledger.tables import SITES


def take_turns(tx: sa.Connection, sites: Iterable[str]) -> dict[str, int]:
    """Take the next turn of each site; a new site is made. Call it once in a transaction, before anything of the sites is read."""
    return {site: take_turn(tx, site) for site in sorted(set(sites))}


def take_turn(tx: sa.Connection, site: str) -> int:
    """Take one site's next turn."""
    new = insert(tx, SITES).values(site=site, turn=1)
    query = new.on_conflict_do_update(index_elements=[SITES.c.site], set_={"turn": SITES.c.turn + 1}).returning(SITES.c.turn)
    return int(tx.execute(query).scalar_one())
