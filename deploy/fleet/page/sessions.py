"""Who is logged in, and who guesses (pure)."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

IDLE_S, LONGEST_S = 12 * 3600.0, 7 * 86_400.0
_MOST = 256
_GUESSES, _GUESS_S, _MOST_GUESSERS = 5, 60.0, 1024


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

    def find(self, key: str, hashes: Mapping[str, str], now: float) -> Session | None:
        """The session of a cookie; None where it is over, or its owner has no such token any more.

        Args:
            key: the id.
            hashes: name → hash, as they are now.
            now: monotonic seconds.
        """
        session = self._found.get(_key(key))
        if session is None:
            return None
        over = now - session.seen_at > IDLE_S or now - session.began_at > LONGEST_S
        if over or hashes.get(session.name) != session.token_hash:
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


class Guesses:
    """Wrong tokens of each client: a few a minute, then none are looked at."""

    def __init__(self) -> None:
        self._wrong: dict[str, deque[float]] = {}

    def wait_s(self, client: str, now: float) -> float:
        """Seconds until the client may try again; 0 when it may now."""
        recent = [at for at in self._wrong.get(_network(client), ()) if now - at < _GUESS_S]
        return _GUESS_S - (now - recent[0]) if len(recent) >= _GUESSES else 0.0

    def wrong(self, client: str, now: float) -> None:
        """The client sent a wrong token."""
        network = _network(client)
        # put at the end again, so that the first one is the longest silent, and is forgotten when there are too many
        self._wrong[network] = self._wrong.pop(network, deque(maxlen=_GUESSES))
        self._wrong[network].append(now)
        if len(self._wrong) > _MOST_GUESSERS:
            del self._wrong[next(iter(self._wrong))]


def _network(client: str) -> str:
    """What one person has of addresses: one of IPv4, 2^64 of IPv6."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else client
