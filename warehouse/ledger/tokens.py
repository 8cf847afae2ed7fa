"""Tokens for the HTTP API, as hashes.

A token is 256 random bits, so SHA-256 is enough of a hash: there is nothing to guess, and who reads the database cannot sign in with it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bintally.errors import InputError, UsageError
from warehouse.ledger import audit
from warehouse.ledger.tables import TOKENS

PREFIX = "bintally_"
"""So that people, and programs that look for secrets in files, know what they see."""
_WHO = "command line"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True)
class Token:
    """What is known of a token.

    Attributes:
        name: of who has it; stands in the audit.
        scopes: what it may do, see ``warehouse.api.scopes``.
        site: the only one that it sees; None: all.
        station: the only one whose pictures it may bring; None: any.
        created_at: when it was made.
        expires_at: from when on it is nobody's; None: never.
    """

    name: str
    scopes: frozenset[str]
    site: str | None
    station: str | None
    created_at: datetime
    expires_at: datetime | None


def add(
    tx: sa.Connection, name: str, scopes: Collection[str], site: str | None, station: str | None, now: datetime, expires_at: datetime | None
) -> str:
    """Make a token.

    Returns:
        The token, which stands nowhere else.

    Raises:
        UsageError: the name is none, or has a token already; or the token would have expired.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:80]!r}: a name has 1 to 64 letters, digits, '.', '_', '@', '-', and begins with a letter or digit")
    if expires_at is not None and expires_at <= now:
        raise UsageError(f"{name}: its token would have expired at {expires_at:%Y-%m-%d %H:%M} UTC already; give a later time")
    if tx.execute(sa.select(TOKENS.c.name).where(TOKENS.c.name == name)).first() is not None:
        raise UsageError(f"{name}: there is a token of this name; revoke it first, or choose another name")
    token = PREFIX + secrets.token_urlsafe(32)
    row = {"name": name, "hash": digest(token), "scopes": sorted(scopes), "site": site, "station": station}
    tx.execute(sa.insert(TOKENS), {**row, "created_at": now, "expires_at": expires_at})
    audit.note(tx, _WHO, "token", f"{name}: made; {', '.join(sorted(scopes))}; {site or 'all sites'}", now)
    return token


def tokens(tx: sa.Connection) -> list[Token]:
    """All of them by name, those that expired, too."""
    return [_token(row) for row in tx.execute(sa.select(TOKENS).order_by(TOKENS.c.name))]


def revoke(tx: sa.Connection, name: str, now: datetime) -> None:
    """Let a token be nobody's.

    Raises:
        InputError: there is none of this name.
    """
    if tx.execute(sa.delete(TOKENS).where(TOKENS.c.name == name)).rowcount == 0:
        raise InputError(f"{name[:80]}: there is no token of this name; 'bintally wms token list' shows all")
    audit.note(tx, _WHO, "token", f"{name}: revoked", now)


def owner(tx: sa.Connection, hashed: str, now: datetime) -> Token | None:
    """Whose token it is; None: nobody's, or it has expired.

    Args:
        tx: a transaction that reads.
        hashed: ``digest`` of what came.
        now: aware.
    """
    row = tx.execute(sa.select(TOKENS).where(TOKENS.c.hash == hashed)).first()
    # a database may compare letters of any case, or stop at the first that differs: what lets somebody in is compared here
    if row is None or not hmac.compare_digest(row.hash, hashed):
        return None
    token = _token(row)
    return None if token.expires_at is not None and token.expires_at <= now else token


def digest(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _token(row: Any) -> Token:
    return Token(row.name, frozenset(row.scopes), row.site, row.station, row.created_at, row.expires_at)
