"""The key ring: where the private part of each key is. What a key may sign is no business of the ring; root and targets say that.

``keys.json`` names for each key a signer URI of securesystemslib: ``file2:NAME.pem`` beside it (PKCS#8, mode 0600, perhaps behind a passphrase),
``hsm:``, ``gcpkms:``, ``awskms:``, ``azurekms:``. A file that is not there means that the key is elsewhere: on another machine, in a safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from securesystemslib.signer import CryptoSigner, Key, Signer

from bintally.errors import InputError
from bintally.files import make_folder, write_atomically
from deploy.fleet.repository.private_keys import FILE, check_private, is_private, load_private, pem
from deploy.fleet.repository.signers import from_uri, import_key, public_key

RING = "keys.json"
Secrets = Callable[[str], str]
"""Gives the passphrase, or PIN, of what is named."""


class Entry(BaseModel):
    """A key.

    Attributes:
        name: for people: ``root-1``.
        keyid: as TUF computes it from the public key.
        uri: of the private key; None where this machine cannot sign with it.
        public: as it stands in metadata.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    keyid: str = Field(pattern=r"^[0-9a-f]{8,}$")
    uri: str | None
    public: dict[str, Any]

    def key(self) -> Key:
        """The public key."""
        return Key.from_dict(self.keyid, dict(self.public))


class _Ring(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_number: Literal[1] = Field(1, alias="schema")
    begun_for: str | None = None
    keys: tuple[Entry, ...] = ()


class KeyRing:
    """A folder of keys.

    Args:
        folder: of ``keys.json`` and the key files.
        secrets: asked where a file or a device wants a passphrase or PIN.
        required: whether ``keys.json`` must be there.
    """

    def __init__(self, folder: Path, secrets: Secrets, *, required: bool = True) -> None:
        self.folder, self._secrets = folder, secrets
        self._ring = _read(folder) if required or (folder / RING).exists() else _Ring()
        self._opened: dict[str, Signer] = {}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All keys, oldest first."""
        return self._ring.keys

    @property
    def begun_for(self) -> str | None:
        """The repository for which ``init`` began to make these keys, while it is not there yet."""
        return self._ring.begun_for

    def begin(self, repository: str | None) -> None:
        """Note, or forget, that the keys are made for a repository that is not there yet."""
        self._write(self._ring.model_copy(update={"begun_for": repository}))

    def name(self, keyid: str) -> str:
        """A key for people: its name where the ring knows it, and the id's beginning."""
        known = next((entry.name for entry in self.entries if entry.keyid == keyid), None)
        return f"{known} ({keyid[:8]})" if known else keyid[:8]

    def find(self, text: str) -> str:
        """The id that a name, an id or its beginning (8 digits at least) stands for; the text itself where the ring knows none."""
        found = [entry.keyid for entry in self.entries if entry.name == text or (len(text) >= 8 and entry.keyid.startswith(text))]
        return found[0] if len(found) == 1 else text

    def make(self, prefix: str, passphrase: str | None = None) -> Key:
        """Make an Ed25519 key in a file of its own, behind a passphrase where one is given."""
        name = self._free(prefix)
        private = Ed25519PrivateKey.generate()
        write_atomically(self.folder / f"{name}.pem", pem(private, passphrase), 0o600)
        return self._add(name, f"{FILE}:{name}.pem", CryptoSigner(private).public_key)

    def take(self, what: str, prefix: str) -> Key:
        """Take a key that was made elsewhere.

        Args:
            what: a signer URI; or a PEM file: of a private key, or of a public one, whose owner signs on another machine.
            prefix: of its name.

        Raises:
            InputError: there is no such key, or it is none that can sign.
            UnavailableError: the device or service that holds it does not answer.
        """
        uri, key = self._held(what)
        if any(entry.keyid == key.keyid for entry in self.entries):
            return key
        return self._add(self._free(prefix), uri, key)

    def borrow(self, what: str) -> Key:
        """The same for this command only; nothing is written."""
        uri, key = self._held(what)
        entry = Entry(name=self._free("borrowed"), keyid=key.keyid, uri=uri, public=key.to_dict())
        others = tuple(one for one in self.entries if one.keyid != key.keyid)
        self._ring = self._ring.model_copy(update={"keys": (*others, entry)})
        return key

    def signers(self, keyids: Iterable[str]) -> list[Signer]:
        """Those of these keys that can sign here.

        Raises:
            InputError: a key file is damaged, others can read it, it holds another key, or the passphrase is wrong.
            UnavailableError: a device or service does not answer.
        """
        wanted = set(keyids)
        return [self._signer(entry) for entry in self.entries if entry.keyid in wanted and self._is_here(entry)]

    def _held(self, what: str) -> tuple[str | None, Key]:
        path = Path(what)
        if not path.is_file():
            return import_key(what, self._secrets)
        return import_key(f"{FILE}:{path.resolve()}", self._secrets) if is_private(path) else (None, public_key(path))

    def _is_here(self, entry: Entry) -> bool:
        return entry.uri is not None and (not entry.uri.startswith(f"{FILE}:") or self._file(entry.uri).exists())

    def _file(self, uri: str) -> Path:
        return self.folder / uri.partition(":")[2]

    def _signer(self, entry: Entry) -> Signer:
        if entry.keyid not in self._opened:
            uri = entry.uri or ""
            if uri.startswith(f"{FILE}:"):
                signer: Signer = load_private(self._file(uri), self._secrets)
            else:
                signer = from_uri(uri, entry.key(), self._secrets)
            if signer.public_key.keyid != entry.keyid and isinstance(signer, CryptoSigner):
                raise InputError(f"{self._file(uri)}: holds another key than {self.folder / RING} says; put the right file there")
            self._opened[entry.keyid] = signer
        return self._opened[entry.keyid]

    def _free(self, prefix: str) -> str:
        taken = {entry.name for entry in self.entries}
        number = 1
        while (name := f"{prefix}-{number}") in taken or (self.folder / f"{name}.pem").exists():
            number += 1
        return name

    def _add(self, name: str, uri: str | None, key: Key) -> Key:
        entry = Entry(name=name, keyid=key.keyid, uri=uri, public=key.to_dict())
        ring = _read(self.folder)  # another command may have added one since this one began
        self._write(ring.model_copy(update={"keys": (*ring.keys, entry)}))
        return key

    def _write(self, ring: _Ring) -> None:
        write_atomically(self.folder / RING, ring.model_dump_json(by_alias=True, indent=2), 0o600)
        self._ring = ring


def make_ring(folder: Path, secrets: Secrets) -> KeyRing:
    """The ring of a folder, which is made where it is missing.

    Raises:
        UnavailableError: the folder cannot be made or written to.
    """
    if not folder.exists():
        make_folder(folder.parent)
        make_folder(folder).chmod(0o700)
    if not (folder / RING).exists():
        write_atomically(folder / RING, _Ring().model_dump_json(by_alias=True, indent=2), 0o600)
    return KeyRing(folder, secrets)


def _read(folder: Path) -> _Ring:
    path = folder / RING
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: no key ring can be read here ({error.strerror}); name the folder that 'bintally fleet init' made with --keys"
        ) from error
    check_private(path)
    try:
        return _Ring.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"{path}: {field} is wrong ({first['msg']}); restore it from a copy") from error
