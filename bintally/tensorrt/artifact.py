"""The folder of an engine and its manifest, which is written last: without it, or with another machine in it, there is no engine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bintally.errors import InputError, UnavailableError, UsageError
from bintally.files import write_atomically
from bintally.manifest import Manifest
from bintally.tensorrt.machine import Machine

MANIFEST = "manifest.json"
TARGETS = ("tensorrt", "float", "float16")
Kind = Literal["provider", "plain"]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_FileName = Annotated[str, Field(pattern=r"^\w[\w.+-]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Profile(_Part):
    """Batch sizes that an engine takes, and the one that it is tuned for."""

    min: int = Field(default=1, ge=1, le=1024)
    opt: int = Field(default=1, ge=1, le=1024)
    max: int = Field(default=8, ge=1, le=1024)

    @model_validator(mode="after")
    def _in_order(self) -> Profile:
        if not self.min <= self.opt <= self.max:
            raise ValueError("must be in order")
        return self

    def __str__(self) -> str:
        return f"{self.min} to {self.max}, best {self.opt}"


def profile(smallest: int, best: int, largest: int) -> Profile:
    """A profile as a person gives it.

    Raises:
        UsageError: the sizes are out of range or out of order.
    """
    try:
        return Profile(min=smallest, opt=best, max=largest)
    except ValidationError as error:
        raise UsageError(
            f"batch sizes {smallest} {best} {largest}: give the smallest, the best and the largest, each from 1 to 1024"
        ) from error


class Origin(_Part):
    """The bundle that an engine was made from."""

    name: str
    version: str
    target: str
    graph_sha256: _Sha256

    @classmethod
    def of(cls, manifest: Manifest) -> Origin:
        """Of a bundle's manifest."""
        return cls(name=manifest.name, version=manifest.version, target=manifest.target, graph_sha256=manifest.graph_sha256)


class EngineManifest(_Part):
    """What an engine was made from and for, and the digest of each of its files."""

    schema_number: Literal[1] = Field(default=1, alias="schema")
    kind: Kind
    bundle: Origin
    machine: Machine
    profile: Profile
    build_s: float = Field(ge=0)
    load_s: float | None = Field(ge=0, description="from a new process; None where only another runtime can load it")
    files: dict[_FileName, _Sha256] = Field(min_length=1)


def refuse_bundle(manifest: Manifest, profile: Profile) -> None:
    """Refuse a bundle that TensorRT should not run.

    Raises:
        InputError: it was made for other arithmetic.
        UsageError: its golden inputs, which are run as one batch, do not fit into the profile.
    """
    if manifest.target not in TARGETS:
        raise InputError(
            f"bundle {manifest.name} {manifest.version} is for {manifest.target}: TensorRT would compute it otherwise than it was measured; "
            f"run: bintally export … --target {TARGETS[0]} (or {' or '.join(TARGETS[1:])})"
        )
    golden = len(manifest.golden)
    if not profile.min == 1 <= golden <= profile.max:
        raise UsageError(f"batch sizes {profile}: must begin at 1, for the agent, and reach {golden}, for the bundle's golden inputs")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of an engine's folder, but for the manifest.

    Raises:
        UnavailableError: a file cannot be read.
    """
    try:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    except OSError as error:
        raise UnavailableError(f"{folder}: cannot be read ({error.strerror or error}); check its permissions") from error


def write_manifest(folder: Path, manifest: EngineManifest) -> None:
    """Declare the folder whole.

    Raises:
        UnavailableError: the disk is full, or the folder cannot be written to.
    """
    write_atomically(folder / MANIFEST, manifest.model_dump_json(by_alias=True, indent=1))


def read_engine(folder: Path, kind: Kind) -> EngineManifest:
    """Read a folder's manifest and check its files against it.

    Raises:
        InputError: there is none, it is damaged or of another schema or kind, or a file is not what it says.
    """
    path = folder / MANIFEST
    try:
        made = EngineManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{folder}: holds no whole engine ({MANIFEST} is missing); 'bintally export engine' makes one") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a folder that 'bintally export engine' wrote") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "JSON"
        raise InputError(f"{path}: {field} is wrong ({first['msg']}); build the engine again") from error
    if made.kind != kind:
        raise InputError(f"{folder}: holds a {made.kind} engine, not a {kind} one")
    found = digests(folder)
    if found != made.files:
        names = sorted(name for name in found.keys() | made.files.keys() if found.get(name) != made.files.get(name))
        raise InputError(f"{folder}: {names[0]} is damaged, missing or not of this engine; build it again")
    return made


def require_engine(folder: Path, kind: Kind, bundle: Manifest, machine: Machine) -> EngineManifest:
    """Read an engine that must be for this bundle and this machine.

    Raises:
        InputError: see ``read_engine``; or it was made from another bundle or for another machine, and the text names what differs.
    """
    made = read_engine(folder, kind)
    wanted = Origin.of(bundle)
    if made.bundle.graph_sha256 != wanted.graph_sha256:
        raise InputError(
            f"{folder}: made from {made.bundle.name} {made.bundle.version} ({made.bundle.graph_sha256[:12]}), "
            f"not from {wanted.name} {wanted.version} ({wanted.graph_sha256[:12]}); build it from this bundle"
        )
    difference = made.machine.difference(machine)
    if difference is not None:
        raise InputError(f"{folder}: {difference}; build it on this machine")
    return made
