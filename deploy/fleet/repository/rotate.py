"""Keys come and go: rotation, revocation, and the keys that may sign ``model/desired``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import ValidationError
from securesystemslib.signer import Key

from bintally.errors import InputError, UsageError
from bintally.updates import DESIRED_KEYS, DesiredKeys
from deploy.fleet.repository.begin import desired_entry, put_desired_keys
from deploy.fleet.repository.edit import Staged, replace_key, role_of, set_desired_keys, sharing
from deploy.fleet.repository.folder import Folder
from deploy.fleet.repository.keys import KeyRing
from deploy.fleet.repository.state import ONLINE, TOP_LEVEL, State, desired_keys_target
from deploy.fleet.repository.steps import Outcome, change


def rotate(
    folder: Folder, ring: KeyRing, role: str, old: str | None, given: str | None, passphrase: str | None, now: datetime
) -> list[Outcome]:
    """Put a new key in the place of an old one.

    Args:
        folder: of the repository.
        ring: the keys that are here.
        role: a top-level role, a model, or ``online`` for snapshot and timestamp at once.
        old: name or id of the key that goes; None where the role has a single one.
        given: a key that was made elsewhere; None to make one.
        passphrase: of the file that is made, unless it is an online key.
        now: the time of day.

    Raises:
        InputError: there is no such role or key.
        UsageError: the role has several keys and none is named, or a change waits for signatures.
    """

    def edit(state: State) -> Staged:
        goes = _goes(ring, role, [role_of(state, one).keyids for one in (ONLINE if role == "online" else (role,))], old)
        if goes is None:
            return {}
        online = role in ("online", *ONLINE)
        new = _new_key(ring, role, given, None if online else passphrase)
        return replace_key(state, goes, new, sharing(state, role, goes), now)

    return change(folder, ring, f"rotate-key {role} {old or ''} {given or ''}".strip(), edit, now)


def revoke(folder: Folder, ring: KeyRing, text: str, now: datetime) -> list[Outcome]:
    """Take a key out of every role, and out of ``desired-keys.json``.

    Raises:
        InputError: nobody knows such a key.
        UsageError: a role would have fewer keys than must sign.
    """

    def edit(state: State) -> Staged:
        desired = desired_keys(folder, state)
        keyid = _known(state, ring, desired, text)
        staged = replace_key(state, keyid, None, [*TOP_LEVEL, *state.models], now)
        if keyid not in desired.keys:
            return staged
        rest = DesiredKeys(keys={kid: key for kid, key in desired.keys.items() if kid != keyid})
        put_desired_keys(folder, rest)
        return set_desired_keys(state, rest, now, staged)

    return change(folder, ring, f"revoke {text}", edit, now)


def add_desired_key(folder: Folder, ring: KeyRing, given: str | None, passphrase: str | None, now: datetime) -> list[Outcome]:
    """Let one more key sign ``model/desired``.

    Raises:
        InputError: the given key is no Ed25519 key.
    """

    def edit(keys: dict[str, str]) -> dict[str, str]:
        return keys | dict([desired_entry(_new_key(ring, "desired", given, passphrase))])

    return _change_desired(folder, ring, f"desired-key add {given or ''}".strip(), edit, now)


def revoke_desired_key(folder: Folder, ring: KeyRing, text: str, now: datetime) -> list[Outcome]:
    """Let a key no longer sign ``model/desired``; its roles, if it has any, stay.

    Raises:
        InputError: it may not sign it now.
    """

    def edit(keys: dict[str, str]) -> dict[str, str]:
        goes = _match(text, ring, keys)
        if goes is None:
            if ring.find(text) != text:
                return keys
            raise InputError(f"{text}: no such key; model/desired may be signed by {_names(ring, list(keys))}")
        return {kid: key for kid, key in keys.items() if kid != goes}

    return _change_desired(folder, ring, f"desired-key revoke {text}", edit, now)


def desired_keys(folder: Folder, state: State) -> DesiredKeys:
    """Who may sign ``model/desired`` now.

    Raises:
        InputError: the file is missing, or is not the one that ``targets`` names.
    """
    digest = desired_keys_target(state).hashes["sha256"]
    path = folder.target_file(DESIRED_KEYS, digest)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); restore it from a copy of the repository") from error
    try:
        if hashlib.sha256(content).hexdigest() == digest:
            return DesiredKeys.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{path}: a newer bintally wrote it; update this one") from error
    raise InputError(f"{path}: damaged, its digest is another one; restore it from a copy of the repository")


def _change_desired(
    folder: Folder, ring: KeyRing, asked: str, edit: Callable[[dict[str, str]], dict[str, str]], now: datetime
) -> list[Outcome]:
    def stage(state: State) -> Staged:
        before = desired_keys(folder, state)
        after = DesiredKeys(keys=edit(dict(before.keys)))
        if after == before:
            return {}
        put_desired_keys(folder, after)
        return set_desired_keys(state, after, now)

    return change(folder, ring, asked, stage, now)


def _new_key(ring: KeyRing, kind: str, given: str | None, passphrase: str | None) -> Key:
    return ring.take(given, kind) if given else ring.make(kind, passphrase)


def _goes(ring: KeyRing, role: str, keyids: Sequence[Sequence[str]], old: str | None) -> str | None:
    """Which key of a role is meant; None where it is out already, so that a command can be repeated."""
    if any(one != keyids[0] for one in keyids):
        raise UsageError(f"{role}: snapshot and timestamp have different keys; rotate each by its name")
    if old is None:
        if len(keyids[0]) > 1:
            raise UsageError(f"{role}: has the keys {_names(ring, keyids[0])}; say with --old which one goes")
        return keyids[0][0]
    found = _match(old, ring, keyids[0])
    if found is None and ring.find(old) == old:
        raise InputError(f"{old}: no such key; {role} has {_names(ring, keyids[0])}")
    return found


def _known(state: State, ring: KeyRing, desired: DesiredKeys, text: str) -> str:
    keyids = {keyid for role in (*TOP_LEVEL, *state.models) for keyid in role_of(state, role).keyids}
    found = _match(text, ring, [*keyids, *desired.keys, *(entry.keyid for entry in ring.entries)])
    if found is None:
        raise InputError(f"{text}: no such key; 'bintally fleet list' shows them all")
    return found


def _match(text: str, ring: KeyRing, keyids: Sequence[str] | dict[str, str]) -> str | None:
    """The id that a name, an id or at least 8 digits of it stand for."""
    wanted = ring.find(text)
    found = {keyid for keyid in keyids if keyid == wanted or (len(wanted) >= 8 and keyid.startswith(wanted))}
    return found.pop() if len(found) == 1 else None


def _names(ring: KeyRing, keyids: Sequence[str]) -> str:
    return ", ".join(map(ring.name, keyids)) or "nobody"
