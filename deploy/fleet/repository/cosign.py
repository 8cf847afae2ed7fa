"""Co-signing: show what a staged change would change, then sign exactly that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from bintally.errors import InputError, UsageError
from deploy.fleet.repository.commit import remaining
from deploy.fleet.repository.folder import Change, Folder
from deploy.fleet.repository.keys import KeyRing
from deploy.fleet.repository.signing import difference
from deploy.fleet.repository.steps import Outcome, advance

Confirm = Callable[[str, Sequence[str]], bool]
"""Is shown the command that made a change, as its author tells it, and what it changes; says whether to sign."""


def cosign(folder: Folder, ring: KeyRing, role: str | None, confirm: Confirm, now: datetime) -> Outcome | None:
    """Add signatures to the change that waits, and publish it if they are enough.

    Args:
        folder: of the repository.
        ring: the keys that are here.
        role: of which to sign the metadata; None for all.
        confirm: asked before anything is signed.
        now: the time of day.

    Returns:
        How far the change is; None where it was not confirmed.

    Raises:
        UsageError: nothing waits, or the change became another one while it was looked at.
        InputError: the role is not among what waits, or the change is damaged.
    """
    shown = _waiting(folder)
    if role is not None and role not in shown.metadata:
        raise InputError(f"{role}: does not wait for signatures; {', '.join(shown.metadata)} do ({shown.asked})")
    if not confirm(shown.asked, difference(folder.state(), shown.metadata)):
        return None
    with folder.locked():
        waiting = _waiting(folder)
        if {one: metadata.signed for one, metadata in waiting.metadata.items()} != {
            one: metadata.signed for one, metadata in shown.metadata.items()
        }:
            raise UsageError(f"{folder.path}: the change became another one meanwhile; look at it again")
        return advance(folder, ring, waiting, now, None if role is None else (role,))


def discard(folder: Folder) -> None:
    """Drop the change that waits, even if it is damaged.

    Raises:
        UsageError: nothing waits, or clients see a part of it already, so that only finishing it is left.
    """
    with folder.locked():
        if not folder.is_waiting:
            raise UsageError(f"{folder.path}: no change waits here")
        if _begun(folder):
            raise UsageError(f"{folder.path}: clients see a part of the change already; 'bintally fleet renew' finishes it")
        folder.discard()


def _begun(folder: Folder) -> bool:
    try:
        waiting, state = folder.staged(), folder.state()
    except InputError:  # damaged: nobody can finish it
        return False
    return waiting is not None and len(remaining(state, waiting.metadata)) < len(waiting.metadata)


def _waiting(folder: Folder) -> Change:
    waiting = folder.staged()
    if waiting is None:
        raise UsageError(f"{folder.path}: no change waits for signatures here")
    return waiting
