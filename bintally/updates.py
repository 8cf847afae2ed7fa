"""What the fleet's repository and the stations agree on: what a target is for, and whose word moves a station.

docs/fleet.md has the whole protocol.
"""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bintally.manifest_base import NAME_PATTERN, VERSION_PATTERN

DESIRED_KEYS = "desired-keys.json"
"""Target path of `DesiredKeys`."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class TargetFacts(BaseModel):
    """The ``custom`` field of a bundle's target: what a station must know before it downloads it.

    Attributes:
        device: the arithmetic that the bundle was made for, a key of ``export.targets``: ``cpu``, ``cpu-vnni``, ``arm``, ``tensorrt``, ….
        agent: the least version of the agent that can run it.
        height, width: of the frames that it takes, pixels.
        classes: of its answer.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_number: Literal[1] = Field(1, alias="schema")
    name: str = Field(pattern=NAME_PATTERN)
    version: str = Field(pattern=VERSION_PATTERN)
    device: str = Field(pattern=NAME_PATTERN)
    agent: str = Field(pattern=VERSION_PATTERN)
    height: int = Field(ge=32, le=1024)
    width: int = Field(ge=32, le=1024)
    classes: int = Field(ge=2, le=1000)


class DesiredKeys(BaseModel):
    """The Ed25519 keys that may sign ``model/desired``.

    Attributes:
        keys: key id → the public key's 32 bytes, base64url without padding.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_number: Literal[1] = Field(1, alias="schema")
    keys: dict[str, Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]]

    def public(self, kid: str) -> bytes | None:
        """A key's 32 bytes, None where it is not among them."""
        text = self.keys.get(kid)
        return None if text is None else base64.urlsafe_b64decode(text + "=")


def target_path(name: str, version: str, device: str) -> str:
    """Where a bundle stands in the repository."""
    return f"{name}/{version}-{device}.onnx"
