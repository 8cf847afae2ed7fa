"""A message that came from the broker, taken apart."""

from __future__ import annotations

from dataclasses import dataclass

from bintally.topics import Kind, NamedKind


@dataclass(frozen=True)
class Incoming:
    """One message to this station.

    Attributes:
        kind: second half of its topic, ``cmd`` for instance.
        name: last level of topics that end with a name: of a command or a bin.
        payload: as it came.
        retained: whether the broker had kept it.
        received_at: monotonic seconds.
        expires_in_s: what was left of its MQTT 5 message expiry when it came; None for never.
        response_topic: where its sender wants an answer; None for nowhere.
        correlation: what the answer must carry; None for nothing.
    """

    kind: Kind | NamedKind
    name: str | None
    payload: bytes
    retained: bool = False
    received_at: float = 0.0
    expires_in_s: float | None = None
    response_topic: str | None = None
    correlation: bytes | None = None
