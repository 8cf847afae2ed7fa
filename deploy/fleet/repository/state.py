"""What a client of the repository sees, read from bytes and verified as a client would.

Source: The Update Framework specification 1.0.33, section 5.3 to 5.6 (the client's workflow), section 6 (consistent snapshots).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError
from tuf.api.exceptions import LengthOrHashMismatchError, UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from bintally.errors import InputError
from bintally.updates import DESIRED_KEYS, TargetFacts

ONLINE = ("snapshot", "timestamp")
"""The roles that one command renews without anybody's presence."""
TOP_LEVEL = ("root", "targets", *ONLINE)
PERIODS = "x-bintally-expires-days"
"""Field of root: role → days until a new version of its metadata expires. It is signed, so that no online key can live longer."""
DEFAULT_PERIODS: Mapping[str, int] = MappingProxyType({"root": 365, "targets": 90, "snapshot": 7, "timestamp": 1})
Read = Callable[[str], bytes | None]
"""Gives a metadata file by its name, None where there is none."""
_Signed = TypeVar("_Signed", Root, Timestamp, Snapshot, Targets)


@dataclass(frozen=True)
class State:
    """The metadata that belong together, as the newest timestamp names them.

    Attributes:
        root: the newest.
        previous: the root before it; None at version 1.
        timestamp, snapshot: online.
        targets: role → metadata, ``targets`` and a role for each model; in the order of delegation.
    """

    root: Metadata[Root]
    previous: Metadata[Root] | None
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    targets: Mapping[str, Metadata[Targets]]

    @property
    def models(self) -> list[str]:
        """The delegated roles."""
        return [role for role in self.targets if role != Targets.type]

    def metadata(self, role: str) -> Metadata[Any]:
        """A role's metadata.

        Raises:
            InputError: there is no such role.
        """
        roles: dict[str, Metadata[Any]] = {"root": self.root, "timestamp": self.timestamp, "snapshot": self.snapshot, **self.targets}
        if role not in roles:
            raise InputError(f"{role}: no such role; there are {', '.join([*TOP_LEVEL, *self.models])}")
        return roles[role]


@dataclass(frozen=True)
class Published:
    """A bundle in the repository.

    Attributes:
        path: of the target, ``{model}/{version}-{device}.onnx``.
        role: that signed it.
        sha256: hex.
        size_bytes: of the file.
        facts: what a station must know before it downloads it.
    """

    path: str
    role: str
    sha256: str
    size_bytes: int
    facts: TargetFacts


def read_state(read: Read, unfinished: Root | None = None) -> State | None:
    """Read and verify the repository, None where it has no root yet.

    Args:
        read: gives the files.
        unfinished: a root that was written while what it needs may not be; with it as the newest one, the one before is good too.

    Raises:
        InputError: metadata are missing, damaged, or not signed by the keys that root and targets name; says which.
    """
    roots = list(_roots(read))
    if not roots:
        return None
    trusted = [root.signed for root in reversed(roots[-2:])][: 2 if roots[-1].signed == unfinished else 1]
    timestamp = parse(read("timestamp.json"), "timestamp.json", Timestamp)
    _check_top_level(trusted, timestamp)
    snapshot = _pinned(read, "snapshot", timestamp.signed.snapshot_meta, Snapshot)
    _check_top_level(trusted, snapshot)
    top = _pinned(read, Targets.type, _meta(snapshot, Targets.type), Targets)
    _check_top_level(trusted, top)
    targets = {Targets.type: top}
    for role in _delegated(top.signed):
        targets[role] = _pinned(read, role, _meta(snapshot, role), Targets)
        _check(top.signed, role, targets[role])
    return State(roots[-1], roots[-2] if len(roots) > 1 else None, timestamp, snapshot, targets)


def period_days(root: Root, role: str) -> int:
    """For how long new metadata of a role are valid; a model's as long as those of ``targets``."""
    days: int = {**DEFAULT_PERIODS, **root.unrecognized_fields.get(PERIODS, {})}[role if role in TOP_LEVEL else Targets.type]
    return days


def published(state: State) -> list[Published]:
    """The bundles that are published, by path.

    Raises:
        InputError: a target's facts are not such.
    """
    found = [
        Published(path, role, target.hashes["sha256"], target.length, _facts(path, target))
        for role in state.models
        for path, target in state.targets[role].signed.targets.items()
    ]
    return sorted(found, key=lambda one: one.path)


def desired_keys_target(state: State) -> TargetFile:
    """The target that names who may sign ``model/desired``."""
    return state.targets[Targets.type].signed.targets[DESIRED_KEYS]


def parse(data: bytes | None, name: str, kind: type[_Signed]) -> Metadata[_Signed]:
    """Read one metadata file.

    Raises:
        InputError: it is missing, damaged, or of another type.
    """
    if data is None:
        raise InputError(f"metadata/{name}: is missing; restore it from a copy of the repository")
    try:
        found = Metadata[_Signed].from_bytes(data)
    except DeserializationError as error:
        raise InputError(f"metadata/{name}: damaged, or no TUF metadata; restore it from a copy of the repository") from error
    if not isinstance(found.signed, kind):
        raise InputError(f"metadata/{name}: holds {found.signed.type} metadata; restore it from a copy of the repository")
    return found


def _roots(read: Read) -> Iterator[Metadata[Root]]:
    """All versions, each signed by its own keys and by those of the one before (section 5.3)."""
    before: Metadata[Root] | None = None
    version = 1
    while (data := read(f"{version}.root.json")) is not None:
        root = parse(data, f"{version}.root.json", Root)
        if root.signed.version != version:
            raise InputError(f"metadata/{version}.root.json: holds version {root.signed.version}; restore it from a copy of the repository")
        for delegator in (before, root):
            if delegator is not None:
                _check(delegator.signed, Root.type, root)
        yield root
        before, version = root, version + 1


def _pinned(read: Read, role: str, meta: MetaFile, kind: type[_Signed]) -> Metadata[_Signed]:
    name = f"{meta.version}.{role}.json"
    data = read(name)
    found = parse(data, name, kind)
    try:
        meta.verify_length_and_hashes(data or b"")
    except LengthOrHashMismatchError as error:
        raise InputError(f"metadata/{name}: not the file that was published ({error}); restore it from a copy of the repository") from error
    if found.signed.version != meta.version:
        raise InputError(f"metadata/{name}: holds version {found.signed.version}; restore it from a copy of the repository")
    return found


def _meta(snapshot: Metadata[Snapshot], role: str) -> MetaFile:
    meta = snapshot.signed.meta.get(f"{role}.json")
    if meta is None:
        raise InputError(f"metadata/{snapshot.signed.version}.snapshot.json: does not name {role}; restore the repository from a copy")
    return meta


def _delegated(targets: Targets) -> list[str]:
    return list(targets.delegations.roles or {}) if targets.delegations else []


def _check_top_level(roots: list[Root], metadata: Metadata[Any]) -> None:
    if not any(is_signed(root, metadata.signed.type, metadata) for root in roots):
        _check(roots[0], metadata.signed.type, metadata)


def is_signed(delegator: Root | Targets, role: str, metadata: Metadata[Any]) -> bool:
    """Whether a role's metadata are signed by as many of its keys as its threshold asks for."""
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (UnsignedMetadataError, ValueError):  # ValueError: the delegator does not know the role
        return False
    return True


def _check(delegator: Root | Targets, role: str, metadata: Metadata[Any]) -> None:
    if not is_signed(delegator, role, metadata):
        name = f"{role}.json" if role == Timestamp.type else f"{metadata.signed.version}.{role}.json"
        raise InputError(
            f"metadata/{name}: not signed by the keys that {delegator.type} version {delegator.version} names "
            "(altered, or from another repository); restore it from a copy of the repository"
        )


def _facts(path: str, target: TargetFile) -> TargetFacts:
    try:
        return TargetFacts.model_validate(target.custom)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "custom"
        raise InputError(f"{path}: its facts cannot be read ({field}: {first['msg']}); a newer bintally may have published it") from error
