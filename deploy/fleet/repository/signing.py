"""Signatures: whose a new version needs, who still must sign, and what a co-signer is shown before.

A new root is signed by the threshold of the old root and by its own (section 6.1 of the specification). All other roles need what the
new delegator asks for; where the old one's threshold is not met by that, its keys sign as well if they are at hand, so that a client between
the two finds both good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Role, Root, Targets

from bintally.errors import UnavailableError
from deploy.fleet.repository.edit import Staged
from deploy.fleet.repository.state import TOP_LEVEL, State, is_signed

Find = Callable[[Iterable[str]], Sequence[Signer]]
"""Gives, for ids of keys, the signers of those that are here."""


@dataclass(frozen=True)
class Missing:
    """Who still must sign.

    Attributes:
        role: whose metadata.
        signatures: so many more.
        keyids: of any of these keys.
    """

    role: str
    signatures: int
    keyids: tuple[str, ...]


def delegators(role: str, before: State | None, staged: Staged) -> list[Root | Targets]:
    """Who names the role's keys: before the change, and after it; the latter is the last."""
    name = Root.type if role in TOP_LEVEL else Targets.type
    old = before.metadata(name).signed if before else None
    new = staged[name].signed if name in staged else old
    both = [old] if new is old else [old, new]
    return [one for one in both if one is not None and _role(one, role) is not None]


def sign(metadata: Metadata[Any], role: str, before: State | None, staged: Staged, find: Find) -> bool:
    """Add the signatures that are wanted and can be made here.

    The role's new keys sign. Old ones that are no longer among them sign only where the old threshold is not met without them, so that
    a key that is revoked is not asked for a last word.

    Args:
        metadata: what to sign.
        role: whose it is.
        before: what clients see now.
        staged: the change that it belongs to.
        find: the signers.

    Returns:
        Whether there are more signatures than before.

    Raises:
        UnavailableError: a signer failed: a device or a service does not answer, or refuses.
    """
    known = len(metadata.signatures)
    *older, newest = delegators(role, before, staged)
    for delegator in (newest, *older):
        if delegator is not newest and is_signed(delegator, role, metadata):
            continue
        for signer in find([keyid for keyid in delegator.get_delegated_role(role).keyids if keyid not in metadata.signatures]):
            _sign(metadata, signer)
    return len(metadata.signatures) > known


def _sign(metadata: Metadata[Any], signer: Signer) -> None:
    try:
        metadata.sign(signer, append=True)
    except UnsignedMetadataError as error:
        raise UnavailableError(f"key {signer.public_key.keyid[:8]}: cannot sign ({error.__cause__ or error}); try again") from error


def missing(before: State | None, staged: Staged) -> list[Missing]:
    """Who still must sign, for each role and each of its thresholds; empty where the change may be published."""
    found = []
    for role, metadata in staged.items():
        needed = delegators(role, before, staged)
        for delegator in needed if role == Root.type else needed[-1:]:
            result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
            if not result:
                found.append(Missing(role, result.missing, tuple(result.unsigned)))
    return list(dict.fromkeys(found))


def difference(before: State | None, staged: Staged) -> list[str]:
    """What a change would change, from the metadata themselves: a co-signer signs these lines, whoever staged them."""
    lines = []
    for role, metadata in staged.items():
        old = before.metadata(role).signed if before and (role in TOP_LEVEL or role in before.targets) else None
        lines.append(f"{role}: version {metadata.signed.version}, expires {metadata.signed.expires:%Y-%m-%d}")
        lines += [f"  {line}" for line in _difference(old, metadata.signed)]
    return lines


def _difference(old: Any, new: Any) -> Iterator[str]:
    for role, after in _roles(new).items():
        before = _roles(old).get(role)
        yield from _key_changes(role, before, after)
    if isinstance(new, Targets):
        known = old.targets if old else {}
        for path in sorted({*known, *new.targets}):
            if known.get(path) != new.targets.get(path):
                verb = "removes" if path not in new.targets else "adds" if path not in known else "replaces"
                digest = f" (SHA-256 {new.targets[path].hashes['sha256']})" if path in new.targets else ""
                yield f"{verb} {path}{digest}"


def _key_changes(role: str, before: Role | None, after: Role) -> Iterator[str]:
    for verb, keyids in (("lets sign", _others(after, before)), ("lets no longer sign", _others(before, after))):
        for keyid in keyids:
            yield f"{role}: {verb} {keyid}"
    if before is None or before.threshold != after.threshold:
        yield f"{role}: {after.threshold} of {len(after.keyids)} must sign"


def _others(one: Role | None, other: Role | None) -> Sequence[str]:
    return [keyid for keyid in (one.keyids if one else []) if other is None or keyid not in other.keyids]


def _roles(signed: Any) -> dict[str, Role]:
    if isinstance(signed, Root):
        return dict(signed.roles)
    return dict(signed.delegations.roles or {}) if isinstance(signed, Targets) and signed.delegations else {}


def _role(delegator: Root | Targets, role: str) -> Role | None:
    return _roles(delegator).get(role)
