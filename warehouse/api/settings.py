"""What an API is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from warehouse.api.limits import Quota

LOCKED_S = 5.0
"""A request waits so long for a locked database, then it is told to come again."""
REQUESTS, FAILURES = Quota("requests", 200, 20), Quota("failures", 10, 1 / 6)


@dataclass(frozen=True)
class Settings:
    """Limits, and where pictures go.

    Attributes:
        evidence: folder for pictures; None: none are taken.
        evidence_bytes: of all files in it; when it is full, the oldest pictures go.
        evidence_days: older pictures go; None: only the space decides.
        requests: of each token.
        failures: wrong tokens of each address.
        body_bytes: of a request, but
        import_bytes: of imports, plans, and
        picture_bytes: of pictures.
        held_bytes: of all bodies at once.
        receive_s: within which a body must have come; of a picture, a next piece.
    """

    evidence: Path | None = None
    evidence_bytes: int = 50 * 10**9
    evidence_days: float | None = 90
    requests: Quota = REQUESTS
    failures: Quota = FAILURES
    body_bytes: int = 64 << 10
    import_bytes: int = 32 << 20
    picture_bytes: int = 16 << 20
    held_bytes: int = 256 << 20
    receive_s: float = 30.0
