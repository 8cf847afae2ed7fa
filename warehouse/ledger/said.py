"""Corrections by the name that who sent them gave: whether something is sent again, or something else under the same name."""

from __future__ import annotations

import sqlalchemy as sa

from warehouse.ledger.corrections import Correction
from warehouse.ledger.tables import CORRECTIONS


def correction_by(tx: sa.Connection, key: str) -> Correction | None:
    """The correction of this key, if there is one."""
    row = tx.execute(sa.select(CORRECTIONS).where(CORRECTIONS.c.key == key)).mappings().one_or_none()
    return None if row is None else Correction(**{name: row[name] for name in Correction.__dataclass_fields__})
