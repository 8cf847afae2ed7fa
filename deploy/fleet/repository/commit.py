"""Make a change visible: snapshot and timestamp for it, and the files in the order in which nobody ever sees half of it.

What clients see is what the newest root and ``timestamp.json`` say; every other file has its version in its name, and is looked for only
when one of these two names it (consistent snapshots, section 6.2 of the specification). So all others are written before. Of the two
themselves the timestamp comes first where all that it names is good under the old root too, because the old keys have signed as well; else the
root, and clients wait for the timestamp with what they have.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from deploy.fleet.repository.edit import Staged, expiry
from deploy.fleet.repository.signing import Find, sign
from deploy.fleet.repository.state import ONLINE, TOP_LEVEL, State, is_signed


@dataclass(frozen=True)
class Write:
    """A file that is to be written into ``metadata/``."""

    name: str
    content: bytes


def remaining(before: State | None, staged: Staged) -> dict[str, Metadata[Any]]:
    """What of a change is not visible yet: after a crash a part of it may be."""
    if before is None:
        return dict(staged)
    known = [*TOP_LEVEL, *before.models]
    return {role: new for role, new in staged.items() if role not in known or before.metadata(role).signed != new.signed}


def needs_online(before: State | None, staged: Staged) -> bool:
    """Whether the online roles must be signed anew: for every change but a root that finds their signatures good."""
    if before is None or set(staged) - {Root.type}:
        return True
    root = staged[Root.type].signed if staged else before.root.signed
    return not all(is_signed(root, role, before.metadata(role)) for role in ONLINE)


def commit(before: State | None, staged: Staged, find: Find, now: datetime) -> list[Write]:
    """The files of a change that is signed, in the order in which they must be written.

    Args:
        before: what clients see now; None before the first time.
        staged: the offline roles' new versions.
        find: the signers of snapshot and timestamp.
        now: the time of day.
    """
    if set(staged) == {Root.type} and not needs_online(before, staged):
        return [_versioned(Root.type, staged[Root.type])]
    root = staged[Root.type] if Root.type in staged else _root(before)
    changed = {role: metadata for role, metadata in staged.items() if role != Root.type}
    snapshot = _snapshot(before, changed, root.signed, now)
    sign(snapshot, Snapshot.type, before, staged, find)
    timestamp = _timestamp(before, snapshot, root.signed, now)
    sign(timestamp, Timestamp.type, before, staged, find)
    writes = [_versioned(role, metadata) for role, metadata in changed.items()]
    writes.append(_versioned(Snapshot.type, snapshot))
    last = [Write("timestamp.json", timestamp.to_bytes())]
    if Root.type in staged:
        bridged = before is None or all(
            is_signed(before.root.signed, metadata.signed.type, metadata)
            for metadata in (staged.get(Targets.type) or before.targets[Targets.type], snapshot, timestamp)
        )
        last.insert(1 if bridged else 0, _versioned(Root.type, root))
    return [*writes, *last]


def renew_online(state: State, find: Find, now: datetime) -> list[Write]:
    """A fresh timestamp; a fresh snapshot too where it has lived half of its life."""
    root, snapshot = state.root.signed, state.snapshot
    life = expiry(root, Snapshot.type, now) - now
    if snapshot.signed.expires - now < life / 2:
        return commit(state, {}, find, now)
    timestamp = _timestamp(state, snapshot, root, now)
    sign(timestamp, Timestamp.type, state, {}, find)
    return [Write("timestamp.json", timestamp.to_bytes())]


def _snapshot(before: State | None, changed: Staged, root: Root, now: datetime) -> Metadata[Snapshot]:
    known = before.snapshot.signed.meta if before else {}
    signed = Snapshot(
        version=before.snapshot.signed.version + 1 if before else 1,
        expires=expiry(root, Snapshot.type, now),
        meta={**known, **{f"{role}.json": _meta(metadata) for role, metadata in changed.items()}},
    )
    return Metadata(signed)


def _timestamp(before: State | None, snapshot: Metadata[Snapshot], root: Root, now: datetime) -> Metadata[Timestamp]:
    same = before is not None and snapshot is before.snapshot
    signed = Timestamp(
        version=before.timestamp.signed.version + 1 if before else 1,
        expires=expiry(root, Timestamp.type, now),
        snapshot_meta=before.timestamp.signed.snapshot_meta if before and same else _meta(snapshot),
    )
    return Metadata(signed)


def _meta(metadata: Metadata[Any]) -> MetaFile:
    content = metadata.to_bytes()
    return MetaFile(metadata.signed.version, len(content), {"sha256": hashlib.sha256(content).hexdigest()})


def _versioned(role: str, metadata: Metadata[Any]) -> Write:
    return Write(f"{metadata.signed.version}.{role}.json", metadata.to_bytes())


def _root(before: State | None) -> Metadata[Root]:
    if before is None:
        raise ValueError("the first change holds a root")
    return before.root
