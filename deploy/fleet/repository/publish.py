"""Publish bundles."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from bintally.bundle import read_manifest
from bintally.errors import InputError, UsageError
from bintally.manifest import Manifest
from bintally.updates import TargetFacts
from deploy.fleet.repository.edit import KeySet, NewBundle, Staged, add_bundles
from deploy.fleet.repository.folder import Folder
from deploy.fleet.repository.keys import KeyRing
from deploy.fleet.repository.state import State
from deploy.fleet.repository.steps import Outcome, change


@dataclass(frozen=True)
class OwnKeys:
    """Keys that only sign one model, made when it is published for the first time.

    Attributes:
        count: how many; 0 to use those of ``targets``.
        threshold: how many of them must sign.
        passphrase: of their files; None for none.
    """

    count: int = 0
    threshold: int = 1
    passphrase: str | None = None


def publish(
    folder: Folder, ring: KeyRing, paths: Sequence[Path], least_agent: str, own: OwnKeys, now: datetime
) -> tuple[list[NewBundle], list[Outcome]]:
    """Add bundles to a repository.

    Args:
        folder: of the repository.
        ring: the keys that are here.
        paths: of the bundles.
        least_agent: the least version of the agent that can run them.
        own: keys of the models that are new.
        now: the time of day.

    Raises:
        InputError: a file is no bundle, was altered, or was published with other content under the same name.
        UsageError: two of them have the same name, or a change waits for signatures.
        UnavailableError: the repository cannot be written to.
    """
    bundles = [read_bundle(path, least_agent) for path in paths]
    for number, (path, bundle) in enumerate(zip(paths, bundles, strict=True)):
        if any(bundle.path == other.path and bundle.sha256 != other.sha256 for other in bundles[:number]):
            raise UsageError(f"{path}: another bundle given here is {bundle.path}, too, with other content; publish one of them")

    def edit(state: State) -> Staged:
        models = {bundle.facts.name for bundle in bundles} - set(state.targets)
        added = add_bundles(state, bundles, _own_keys(ring, own, models), now)
        for path, bundle in zip(paths, bundles, strict=True):
            if not folder.target_file(bundle.path, bundle.sha256).exists():  # be it published already: the file may have been lost
                folder.put_target(bundle.path, bundle.sha256, _unchanged(path, bundle.sha256))
        return added

    asked = "publish " + " ".join(f"{bundle.path}@{bundle.sha256[:16]}" for bundle in bundles)
    return bundles, change(folder, ring, asked, edit, now)


def read_bundle(path: Path, least_agent: str) -> NewBundle:
    """What a bundle says of itself.

    Raises:
        InputError: it is missing, damaged, altered, of another schema, or made for something that stations do not know by name.
    """
    manifest = read_manifest(path)
    content = path.read_bytes()
    if hashlib.sha256(content[: manifest.graph_bytes]).hexdigest() != manifest.graph_sha256:
        raise InputError(f"{path}: changed while it was read; call it again when the file is complete")
    return NewBundle(_facts(path, manifest, least_agent), hashlib.sha256(content).hexdigest(), len(content))


def _facts(path: Path, manifest: Manifest, least_agent: str) -> TargetFacts:
    try:
        return TargetFacts.model_validate(
            {
                "name": manifest.name,
                "version": manifest.version,
                "device": manifest.target,
                "agent": least_agent,
                "height": manifest.input.height,
                "width": manifest.input.width,
                "classes": len(manifest.classes),
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = "--agent" if first["loc"][-1] == "agent" else f"the manifest's {first['loc'][-1]}"
        raise InputError(f"{path}: {field} {first['input']!r} cannot be published ({first['msg']})") from error


def _own_keys(ring: KeyRing, own: OwnKeys, models: set[str]) -> dict[str, KeySet]:
    if not own.count:
        return {}
    if own.threshold > own.count:
        raise UsageError(f"{own.threshold} of {own.count} own keys cannot be asked for; give more keys or a lower threshold")
    return {model: KeySet([ring.make(model, own.passphrase) for _ in range(own.count)], own.threshold) for model in sorted(models)}


def _unchanged(path: Path, sha256: str) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{path}: changed while it was read; call it again when the file is complete")
    return content
