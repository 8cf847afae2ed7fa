"""New versions of the offline roles: what ``publish``, ``rotate-key``, ``revoke`` and ``renew ROLE`` change. Pure; nothing is signed here.

Source: The Update Framework specification 1.0.33, section 4 (document formats), 6.1 (key management and migration).
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from securesystemslib.signer import Key
from tuf.api.metadata import TOP_LEVEL_ROLE_NAMES, DelegatedRole, Delegations, Metadata, Role, Root, Signed, TargetFile, Targets

from bintally.errors import InputError, UsageError
from bintally.updates import DESIRED_KEYS, DesiredKeys, TargetFacts, target_path
from deploy.fleet.repository.state import ONLINE, PERIODS, TOP_LEVEL, State, period_days

Staged = Mapping[str, Metadata[Any]]
"""Role → the next version of its metadata; roles that do not change are not in it."""


@dataclass(frozen=True)
class KeySet:
    """The keys of a role, and how many of them must sign."""

    keys: Sequence[Key]
    threshold: int


@dataclass(frozen=True)
class NewBundle:
    """A bundle that is to be published.

    Attributes:
        facts: what a station must know of it.
        sha256: hex.
        size_bytes: of the file.
    """

    facts: TargetFacts
    sha256: str
    size_bytes: int

    @property
    def path(self) -> str:
        """The target's path."""
        return target_path(self.facts.name, self.facts.version, self.facts.device)


@dataclass
class _Edit:
    """A copy of each role that is changed, with the next version and a new expiry."""

    state: State
    now: datetime
    changed: dict[str, Signed] = field(default_factory=dict)

    def root(self) -> Root:
        changed: Root = self._next(Root.type)
        return changed

    def targets(self, role: str = Targets.type) -> Targets:
        changed: Targets = self._next(role)
        return changed

    def _next(self, role: str) -> Any:
        if role not in self.changed:
            changed = copy.deepcopy(self.state.metadata(role).signed)
            changed.version += 1
            changed.expires = expiry(self.state.root.signed, role, self.now)
            self.changed[role] = changed
        return self.changed[role]

    def staged(self) -> dict[str, Metadata[Any]]:
        return {role: Metadata(signed) for role, signed in self.changed.items()}


def first(roles: Mapping[str, KeySet], periods: Mapping[str, int], desired: DesiredKeys, now: datetime) -> dict[str, Metadata[Any]]:
    """Root and targets of a new repository.

    Args:
        roles: the keys of the four top-level roles.
        periods: role → days until its metadata expire.
        desired: who may sign ``model/desired``.
        now: the time of day.

    Raises:
        UsageError: a threshold is more than there are keys.
    """
    for role, given in roles.items():
        if not 1 <= given.threshold <= len(given.keys):
            raise UsageError(
                f"{role}: {given.threshold} of {len(given.keys)} keys cannot be asked for; give it more keys or a lower threshold"
            )
    root = Root(
        keys={key.keyid: key for given in roles.values() for key in given.keys},
        roles={role: Role([key.keyid for key in given.keys], given.threshold) for role, given in roles.items()},
        consistent_snapshot=True,
        unrecognized_fields={PERIODS: dict(periods)},
    )
    root.expires = expiry(root, Root.type, now)
    targets = Targets(
        expires=expiry(root, Targets.type, now), targets={DESIRED_KEYS: desired_target(desired)}, delegations=Delegations({}, {})
    )
    return {Root.type: Metadata(root), Targets.type: Metadata(targets)}


def add_bundles(state: State, bundles: Iterable[NewBundle], own: Mapping[str, KeySet], now: datetime) -> dict[str, Metadata[Any]]:
    """Publish bundles; those that are published already change nothing.

    Args:
        state: of the repository.
        bundles: what to add.
        own: model → keys of its own, for models that have no role yet; the others get those of ``targets``.
        now: the time of day.

    Raises:
        InputError: a path was published with another digest, or a model has the name of a top-level role.
    """
    edit = _Edit(state, now)
    for bundle in bundles:
        model, path = bundle.facts.name, bundle.path
        _delegate(edit, model, own)
        role: Any = edit.changed.get(model) or state.targets[model].signed
        known = role.targets.get(path)
        if known is None:
            edit.targets(model).targets[path] = _target(bundle)
        elif known.hashes["sha256"] != bundle.sha256:
            raise InputError(
                f"{path}: was published with other content (SHA-256 {known.hashes['sha256'][:16]}…, this file's is {bundle.sha256[:16]}…); "
                "a published name stays what it was: export the bundle again with a new version"
            )
    return edit.staged()


def renew(state: State, roles: Iterable[str], now: datetime) -> dict[str, Metadata[Any]]:
    """The same once more with a later expiry, for offline roles."""
    edit = _Edit(state, now)
    for role in roles:
        if role == Root.type:
            edit.root()
        else:
            edit.targets(role)
    return edit.staged()


def replace_key(state: State, old: str, new: Key | None, roles: Iterable[str], now: datetime) -> dict[str, Metadata[Any]]:
    """Take a key out of roles, and put another one in its place; all that it signed is signed anew.

    Args:
        state: of the repository.
        old: id of the key that goes.
        new: the key that comes; None to go without.
        roles: in which roles; those that do not have the old key stay as they are.
        now: the time of day.

    Raises:
        UsageError: a role would have fewer keys than its threshold asks for, or has the new key already.
    """
    edit = _Edit(state, now)
    for role in roles:
        keyids = role_of(state, role).keyids
        if old not in keyids:
            continue
        if new is not None and new.keyid in keyids:
            raise UsageError(f"{role}: has the key {new.keyid[:8]} already; give another one")
        delegator: Any = edit.root() if role in TOP_LEVEL else edit.targets()
        delegator.revoke_key(old, role)
        if new is not None:
            delegator.add_key(new, role)
        _check_threshold(role, delegator.get_delegated_role(role))
        if role not in (Root.type, *ONLINE):
            edit.targets(role)
    return edit.staged()


def set_desired_keys(state: State, desired: DesiredKeys, now: datetime, staged: Staged | None = None) -> dict[str, Metadata[Any]]:
    """Name other keys that may sign ``model/desired``; on top of what is changed already."""
    edit = _Edit(state, now, {role: metadata.signed for role, metadata in (staged or {}).items()})
    edit.targets().targets[DESIRED_KEYS] = desired_target(desired)
    return edit.staged()


def sharing(state: State, role: str, keyid: str) -> list[str]:
    """The roles in which a rotation replaces a key: ``targets`` takes the models along that use its keys; ``online`` is two roles."""
    if role == "online":
        return list(ONLINE)
    state.metadata(role)
    return [role, *(model for model in state.models if keyid in role_of(state, model).keyids)] if role == Targets.type else [role]


def role_of(state: State, role: str) -> Role:
    """Keys and threshold of a role.

    Raises:
        InputError: there is no such role.
    """
    state.metadata(role)
    if role in TOP_LEVEL:
        return state.root.signed.get_delegated_role(role)
    return state.targets[Targets.type].signed.get_delegated_role(role)


def expiry(root: Root, role: str, now: datetime) -> datetime:
    """When new metadata of a role expire, in whole seconds; a model's live as long as those of ``targets``."""
    return now.replace(microsecond=0) + timedelta(days=period_days(root, role))


def desired_content(desired: DesiredKeys) -> bytes:
    """The file ``desired-keys.json``."""
    return desired.model_dump_json(by_alias=True).encode()


def desired_target(desired: DesiredKeys) -> TargetFile:
    """Its entry in ``targets``."""
    content = desired_content(desired)
    return TargetFile(len(content), {"sha256": hashlib.sha256(content).hexdigest()}, DESIRED_KEYS)


def _delegate(edit: _Edit, model: str, own: Mapping[str, KeySet]) -> None:
    """Make a model's role, the first time: it may sign what is in the model's folder, and nobody after it is asked for that."""
    if model in TOP_LEVEL_ROLE_NAMES:
        raise InputError(f"{model}: a role of the repository has this name; export the bundle with another one")
    if model in edit.state.targets or model in edit.changed:
        return
    targets, root = edit.targets(), edit.state.root.signed
    shared = root.roles[Targets.type]
    keys = own.get(model) or KeySet([root.keys[keyid] for keyid in shared.keyids], shared.threshold)
    role = DelegatedRole(model, [], keys.threshold, terminating=True, paths=[f"{model}/*"])
    delegations = targets.delegations or Delegations({}, {})
    delegations.roles = {**(delegations.roles or {}), model: role}
    targets.delegations = delegations
    for key in keys.keys:
        targets.add_key(key, model)
    edit.changed[model] = Targets(expires=expiry(root, Targets.type, edit.now))


def _target(bundle: NewBundle) -> TargetFile:
    custom = {"custom": bundle.facts.model_dump(by_alias=True)}
    return TargetFile(bundle.size_bytes, {"sha256": bundle.sha256}, bundle.path, custom)


def _check_threshold(role: str, keys: Role) -> None:
    if len(keys.keyids) < keys.threshold:
        raise UsageError(
            f"{role}: {len(keys.keyids)} keys would be left, and {keys.threshold} must sign; 'bintally fleet rotate-key' puts a new one in its place"
        )
