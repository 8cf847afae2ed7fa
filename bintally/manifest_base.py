"""What the manifests of all tasks share: the JSON inside an ONNX file that says what the graph is, and how it is read.

Each task has fields of its own: ``bintally.manifest`` for ``count``, ``bintally.travel_time`` for ``travel-time``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bintally.errors import InputError

SCHEMA = 1
NAME_PATTERN, VERSION_PATTERN, DIGEST_PATTERN = r"^[a-z0-9][a-z0-9-]*$", r"^\d+\.\d+\.\d+$", r"^[0-9a-f]{64}$"
_TASKS: Mapping[str, str] = MappingProxyType(
    {"count": "counts what is in bins", "travel-time": "estimates how long pick lists take ('bintally pick … --estimator' takes it)"}
)


class Part(BaseModel):
    """A table of a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class BaseManifest(Part):
    """What every manifest says.

    Attributes:
        graph_bytes: length of the ONNX graph at the file's beginning; the manifest stands behind it.
        graph_sha256: digest of these bytes.
    """

    schema_number: Literal[1] = Field(alias="schema")
    task: str
    name: str = Field(pattern=NAME_PATTERN)
    version: str = Field(pattern=VERSION_PATTERN)
    source_commit: str
    licence: str
    graph_bytes: int = Field(gt=0)
    graph_sha256: str = Field(pattern=DIGEST_PATTERN)


class Gate(Part):
    """One thing that an export had to reach: ``value`` at most, or at least, ``limit``."""

    name: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def passed(self) -> bool:
        """Whether it did; a value that is no number does not."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


ManifestT = TypeVar("ManifestT", bound=BaseManifest)


def parse(kind: type[ManifestT], text: str, where: str) -> ManifestT:
    """Read a manifest of one task.

    Args:
        kind: of the task that the reader can use.
        text: JSON.
        where: the bundle, for messages.

    Raises:
        InputError: it is of another task, is no JSON, has another schema number, or a field is missing, unknown or out of range.
    """
    _check_task(kind, text, where)
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "manifest"
        if field == "schema":
            raise InputError(
                f"{where}: bundle schema {first['input']!r}; this version reads schema {SCHEMA}; update bintally or export again"
            ) from error
        raise InputError(f"{where}: the manifest's {field} is wrong ({first['msg']}); export the bundle again") from error
    except InputError as error:  # a ladder or a cart checks itself
        raise InputError(f"{where}: the manifest is wrong ({error}); export the bundle again") from error


def _check_task(kind: type[BaseManifest], text: str, where: str) -> None:
    """Say so where a good bundle has come to the wrong reader; what is no manifest at all is told by pydantic."""
    wanted = kind.model_fields["task"].default
    try:
        fields = json.loads(text)
    except ValueError:
        return
    task = fields.get("task", wanted) if isinstance(fields, dict) else wanted
    if task != wanted and task in _TASKS:
        raise InputError(f"{where}: this bundle {_TASKS[task]}; here one is needed that {_TASKS[wanted]}: name another bundle")
