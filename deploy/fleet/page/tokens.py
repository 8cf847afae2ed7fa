"""Who may use the page: a file of names and hashes, a line each.

Tokens are 256 random bits, so SHA-256 is enough of a hash: there is nothing to guess, and who reads the file cannot log in with it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bintally.errors import InputError, UnavailableError, UsageError
from bintally.files import write_atomically

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_OTHERS = 0o077
_HEADING = (
    "# who may use the fleet's page: name and SHA-256 of the token; 'bintally fleet page-token NAME' adds one, a line less locks one out\n"
)


def make_token(path: Path, name: str) -> str:
    """Write a new token's hash into the file, in place of the one that this name had.

    Args:
        path: of the file; made with mode 0600 where there is none.
        name: of who gets the token.

    Returns:
        The token, which stands nowhere else.

    Raises:
        UsageError: the name has other characters than letters, digits, ``.``, ``_``, ``@``, ``-``, or is too long.
        InputError: the file is there, and is no such file.
        UnavailableError: it cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:80]!r}: a name has 1 to 64 letters, digits, '.', '_', '@', '-', and begins with a letter or digit")
    token = secrets.token_urlsafe(32)
    hashes = {**(read_hashes(path) if path.exists() else {}), name: _hash(token)}
    write_atomically(path, _HEADING + "".join(f"{one} {digest}\n" for one, digest in hashes.items()), 0o600)
    return token


def read_hashes(path: Path) -> dict[str, str]:
    """Name → hash.

    Raises:
        InputError: others may read or write the file, a line is none, or a name stands twice.
        UnavailableError: it cannot be read.
    """
    try:
        mode, lines = path.stat().st_mode, path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no UTF-8 text"
        raise UnavailableError(f"{path}: cannot be read ({why}); 'bintally fleet page-token NAME --tokens {path}' makes one") from error
    if mode & _OTHERS:
        raise InputError(f"{path}: its mode {mode & 0o777:04o} lets others in; chmod 600 {path}")
    hashes: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            name, digest = _entry(line, f"{path}:{number}")
            if name in hashes:
                raise InputError(f"{path}:{number}: {name} stands there twice; leave one of the lines")
            hashes[name] = digest
    return hashes


def _entry(line: str, where: str) -> tuple[str, str]:
    name, _, digest = line.strip().partition(" ")
    if not _NAME.fullmatch(name) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise InputError(f"{where}: not 'NAME HASH'; 'bintally fleet page-token NAME' writes such lines")
    return name, digest


def owner(hashes: Mapping[str, str], token: str) -> str | None:
    """Whose token it is; None: nobody's. All hashes are compared, each in constant time, so the answer's time tells nothing."""
    given, found = _hash(token), None
    for name, digest in hashes.items():
        if hmac.compare_digest(given, digest):
            found = name
    return found


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class TokenFile:
    """The file as it is now: who is taken out of it is locked out at once.

    Args:
        path: of the file.

    Raises:
        InputError, UnavailableError: as ``read_hashes``; or nobody is in it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._hashes: Mapping[str, str] = {}
        if not self.hashes():
            raise InputError(f"{path}: nobody is in it; 'bintally fleet page-token NAME --tokens {path}' adds one")

    def hashes(self) -> Mapping[str, str]:
        """Name → hash; read again where the file changed.

        Raises:
            InputError, UnavailableError: as ``read_hashes``; nobody is let in then.
        """
        stamp: tuple[int, int, int] | None = None
        with suppress(OSError):  # reading tells what is wrong
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_mode)
        if stamp is None or stamp != self._stamp:
            self._stamp = None
            self._hashes, self._stamp = read_hashes(self._path), stamp
        return self._hashes
