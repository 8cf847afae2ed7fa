"""What the commands do: change the offline roles, gather signatures, publish when there are enough. Time, keys and folder are passed in.

Every change goes the same way: it is staged, signed with the keys that are here, and published once all thresholds are met. If it ends
anywhere in between, the next command, or the same one again, goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bintally.errors import UsageError
from deploy.fleet.repository import edit
from deploy.fleet.repository.commit import commit, needs_online, remaining, renew_online
from deploy.fleet.repository.edit import Staged
from deploy.fleet.repository.folder import Change, Folder
from deploy.fleet.repository.keys import KeyRing
from deploy.fleet.repository.signing import Missing, delegators, missing, sign
from deploy.fleet.repository.state import ONLINE, State


@dataclass(frozen=True)
class Outcome:
    """How far a change is.

    Attributes:
        asked: the command that made it; empty where there was nothing to change.
        published: whether clients see it.
        missing: who still must sign; the online roles where only they are left.
    """

    asked: str
    published: bool
    missing: tuple[Missing, ...] = ()


NOTHING = Outcome("", published=True)
Edit = Callable[[State], Staged]


def change(folder: Folder, ring: KeyRing, asked: str, make: Edit, now: datetime) -> list[Outcome]:
    """Change offline roles.

    Args:
        folder: of the repository.
        ring: the keys that are here.
        asked: the command, as text: where a crash cut it short, its repetition only finishes it.
        make: gives the next versions of the roles that change, none where there is nothing to do.
        now: the time of day.

    Returns:
        What was finished of an interrupted change, if anything, and what became of this one.

    Raises:
        UsageError: another change waits for signatures.
    """
    with folder.locked():
        before = resume(folder, ring, asked, now)
        if before and (before.asked == asked or not before.published):
            return [before]
        staged = make(folder.opened())
        if not staged:
            return [*([before] if before else []), NOTHING]
        folder.stage(Change(asked, staged))
        return [*([before] if before else []), advance(folder, ring, Change(asked, staged), now)]


def resume(folder: Folder, ring: KeyRing, asked: str, now: datetime) -> Outcome | None:
    """Go on with a change that waits: sign it if it is the same that is asked for now, and publish it if it is complete.

    Raises:
        UsageError: it is another one, and incomplete.
    """
    waiting = folder.staged()
    if waiting is None:
        return None
    if waiting.asked == asked:
        return advance(folder, ring, waiting, now)
    outcome = advance(folder, ring, waiting, now, signing=())
    if not outcome.published:
        raise UsageError(
            f"{folder.path}: another change waits for signatures ({waiting.asked}); 'bintally fleet sign' goes on with it, "
            "'bintally fleet sign --discard' drops it"
        )
    return outcome


def advance(folder: Folder, ring: KeyRing, waiting: Change, now: datetime, signing: Collection[str] | None = None) -> Outcome:
    """Sign a staged change with what is here, and publish it if that is enough.

    Args:
        folder: of the repository, locked.
        ring: the keys that are here.
        waiting: the staged change.
        now: the time of day.
        signing: the roles to sign; None for all.

    Raises:
        UsageError: it was made for another state of the repository.
    """
    before = folder.state()
    rest = remaining(before, waiting.metadata)
    _check_next(folder, before, rest)
    for role, metadata in rest.items():
        if (signing is None or role in signing) and sign(metadata, role, before, rest, ring.signers):
            folder.restage(role, metadata)
    lacking = missing(before, rest)
    if lacking:
        return Outcome(waiting.asked, published=False, missing=tuple(lacking))
    online = needs_online(before, rest)
    if online and (lacking := _absent(ring, before, rest)):
        return Outcome(waiting.asked, published=False, missing=tuple(lacking))
    if online or rest:
        folder.apply(commit(before, rest, ring.signers, now))
    folder.discard()
    return Outcome(waiting.asked, published=True)


def renew(folder: Folder, ring: KeyRing, now: datetime) -> tuple[Outcome | None, list[Missing]]:
    """A fresh timestamp, and a snapshot where it is time; publishes a staged change that is complete.

    Returns:
        What became of a staged change; and whose keys are not here, so that nothing could be renewed.
    """
    with folder.locked():
        waiting = folder.staged()
        outcome = advance(folder, ring, waiting, now, signing=()) if waiting else None
        state = folder.opened()
        lacking = _absent(ring, state, {})
        if not lacking:
            folder.apply(renew_online(state, ring.signers, now))
        return outcome, lacking


def renew_offline(folder: Folder, ring: KeyRing, roles: Sequence[str], now: datetime) -> list[Outcome]:
    """Give offline roles a later expiry, with nothing else changed.

    Raises:
        UsageError: an online role is named, or another change waits.
        InputError: there is no such role.
    """
    if online := [role for role in roles if role in ONLINE]:
        raise UsageError(f"{online[0]}: is renewed without being named; 'bintally fleet renew DIR' does")
    return change(folder, ring, f"renew {' '.join(roles)}", lambda state: edit.renew(state, roles, now), now)


def _check_next(folder: Folder, before: State | None, rest: Staged) -> None:
    """A staged version that is not the next one was copied from elsewhere, or overtaken."""
    known = {role: before.metadata(role).signed.version for role in ("root", *before.targets)} if before else {}
    for role, metadata in rest.items():
        if metadata.signed.version != known.get(role, 0) + 1:
            raise UsageError(
                f"{folder.path}: the staged {role} is version {metadata.signed.version}, but {known.get(role, 0)} is the newest here; "
                "'bintally fleet sign --discard' drops the change; then make it again"
            )


def _absent(ring: KeyRing, before: State | None, rest: Staged) -> list[Missing]:
    """The online roles whose threshold the keys that are here do not meet."""
    found = []
    for role in ONLINE:
        wanted = delegators(role, before, rest)[-1].get_delegated_role(role)
        here = {signer.public_key.keyid for signer in ring.signers(wanted.keyids)}
        if len(here) < wanted.threshold:
            others = tuple(keyid for keyid in wanted.keyids if keyid not in here)
            found.append(Missing(role, wanted.threshold - len(here), others))
    return found


def finished(outcomes: Iterable[Outcome]) -> bool:
    """Whether clients see all of it."""
    return all(outcome.published for outcome in outcomes)
