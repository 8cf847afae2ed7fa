"""A new repository: its keys, its first root and targets."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from securesystemslib.signer import Key
from tuf.api.metadata import Root, Targets

from bintally.errors import InputError, UsageError
from bintally.updates import DESIRED_KEYS, DesiredKeys
from deploy.fleet.repository.edit import KeySet, Staged, desired_content, desired_target, first
from deploy.fleet.repository.folder import LOCK, METADATA, STAGED, TARGETS, Change, Folder, check_apart
from deploy.fleet.repository.keys import KeyRing, Secrets, make_ring
from deploy.fleet.repository.state import ONLINE
from deploy.fleet.repository.steps import Outcome, advance

_ASKED = "init"
KINDS = (Root.type, Targets.type, "online", "desired")
"""What keys are for, and how they are called; ``online`` signs snapshot and timestamp, ``desired`` signs ``model/desired``."""


@dataclass(frozen=True)
class Wanted:
    """The keys of a new repository.

    Attributes:
        counts: kind → how many keys.
        thresholds: kind → how many of them must sign; 1 where none is named.
        given: kind → keys that were made elsewhere: signer URIs, PEM files. They count.
        periods: role → days until its metadata expire.
        passphrase: of the files that are made, but for the online one, which a timer opens; None for none.
    """

    counts: Mapping[str, int]
    thresholds: Mapping[str, int]
    given: Mapping[str, Sequence[str]]
    periods: Mapping[str, int]
    passphrase: str | None


def init(folder: Folder, keys: Path, secrets: Secrets, wanted: Wanted, now: datetime) -> tuple[KeyRing, Outcome]:
    """Make a repository; after a crash, go on with it.

    Raises:
        UsageError: there is one, the folders hold something else, or a threshold is more than there are keys.
        UnavailableError: a folder cannot be written to, or a key's holder does not answer.
    """
    check_apart(folder.path, keys)
    _check_empty(folder)
    ring = make_ring(keys, secrets)
    _check_unused(folder, ring)
    folder.make()
    with folder.locked():
        waiting = folder.staged()
        if waiting is None:
            ring.begin(str(folder.path.resolve()))
            waiting = Change(_ASKED, _first(folder, ring, wanted, now))
            folder.stage(waiting)
        outcome = advance(folder, ring, waiting, now)
        if outcome.published:
            ring.begin(None)
        return ring, outcome


def desired_entry(key: Key) -> tuple[str, str]:
    """A key in ``desired-keys.json``: its id, and the public key's 32 bytes as base64url.

    Raises:
        InputError: it is no Ed25519 key.
    """
    if key.keytype != "ed25519":
        raise InputError(f"key {key.keyid[:8]}: {key.keytype} cannot sign model/desired; name an Ed25519 key")
    public = bytes.fromhex(str(key.to_dict()["keyval"]["public"]))
    return key.keyid, base64.urlsafe_b64encode(public).decode().rstrip("=")


def put_desired_keys(folder: Folder, desired: DesiredKeys) -> None:
    """Write ``desired-keys.json`` under the name that has its digest."""
    folder.put_target(DESIRED_KEYS, desired_target(desired).hashes["sha256"], desired_content(desired))


def _first(folder: Folder, ring: KeyRing, wanted: Wanted, now: datetime) -> Staged:
    keys = {kind: _keys(ring, kind, wanted) for kind in KINDS}
    desired = DesiredKeys(keys=dict(map(desired_entry, keys["desired"])))
    roles = {role: KeySet(keys[role], wanted.thresholds.get(role, 1)) for role in (Root.type, Targets.type)}
    online = KeySet(keys["online"], wanted.thresholds.get("online", 1))
    metadata = first(roles | dict.fromkeys(ONLINE, online), wanted.periods, desired, now)
    put_desired_keys(folder, desired)
    return metadata


def _keys(ring: KeyRing, kind: str, wanted: Wanted) -> list[Key]:
    """Those that are given, those that a command that was killed made, and new ones."""
    keys = [ring.take(what, kind) for what in wanted.given.get(kind, ())]
    given = {key.keyid for key in keys}
    keys += [entry.key() for entry in ring.entries if entry.name.startswith(f"{kind}-") and entry.keyid not in given]
    passphrase = None if kind == "online" else wanted.passphrase
    while len(keys) < wanted.counts[kind]:
        keys.append(ring.make(kind, passphrase))
    return keys


def _check_empty(folder: Folder) -> None:
    if not folder.path.exists():
        return
    if not folder.path.is_dir():
        raise UsageError(f"{folder.path}: is a file; name a folder")
    found = {entry.name for entry in folder.path.iterdir() if not entry.name.startswith(".staged.")}
    if STAGED not in found and (folder.path / METADATA).is_dir() and any((folder.path / METADATA).iterdir()):
        raise UsageError(f"{folder.path}: is a repository already; 'bintally fleet list' shows what it holds")
    if strangers := sorted(found - {METADATA, TARGETS, STAGED, LOCK}):
        raise UsageError(f"{folder.path}: holds {strangers[0]}; name an empty folder, or one that is not there yet")
    waiting = folder.staged()
    if waiting and waiting.asked != _ASKED:
        raise UsageError(f"{folder.path}: is a repository already, and a change waits in it; 'bintally fleet sign' goes on with it")


def _check_unused(folder: Folder, ring: KeyRing) -> None:
    if ring.entries and ring.begun_for != str(folder.path.resolve()):
        raise UsageError(f"{ring.folder}: holds the keys of a repository already; name another folder with --keys")
