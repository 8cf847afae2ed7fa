"""Who is logged in (pure)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

IDLE_S, LONGEST_S = 12 * 3600.0, 7 * 86_400.0
_MOST = 256


@dataclass
class Session:
    """Somebody who is logged in.

    Attributes:
        name: of the token's owner.
        token_hash: with which it began; it ends when the owner has another one.
        csrf: stands in every form, so that no other site can make one.
        began_at, seen_at: monotonic seconds.
        said: what the last order led to, to be shown once; whether it worked, and the words.
    """

    name: str
    token_hash: str
    csrf: str
    began_at: float
    seen_at: float
    said: tuple[bool, str] | None = None


class Sessions:
    """In memory: a page that is started anew asks everybody for the token again."""

    def __init__(self) -> None:
        self._found: dict[str, Session] = {}

    def begin(self, name: str, token_hash: str, now: float) -> str:
        """A new session.

        Returns:
            Its id, for the cookie.
        """
        key = secrets.token_urlsafe(32)
        self._found[_key(key)] = Session(name, token_hash, secrets.token_urlsafe(24), now, now)
        if len(self._found) > _MOST:
            del self._found[min(self._found, key=lambda one: self._found[one].seen_at)]
        return key

    def find(self, key: str, now: float) -> Session | None:
        """The session of a cookie; None where it is over.

        Args:
            key: the id.
            now: monotonic seconds.
        """
        session = self._found.get(_key(key))
        if session is None:
            return None
        if now - session.seen_at > IDLE_S or now - session.began_at > LONGEST_S:
            self.end(key)
            return None
        session.seen_at = now
        return session

    def end(self, key: str) -> None:
        """Forget a session."""
        self._found.pop(_key(key), None)


def _key(key: str) -> str:
    """Looked up by hash: how long a look takes tells nothing of the ids that there are."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
