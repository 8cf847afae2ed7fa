"""When to try again (pure)."""

from __future__ import annotations

FIRST_S, LONGEST_S = 5.0, 3600.0
MOST_ATTEMPTS = 80
"""After about three days a message is given up: whoever was away so long asks the API how things stand."""


def wait_s(attempts: int, share: float, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> float:
    """Seconds until the next attempt: twice as long each time, less up to a half, so that not all come at once.

    Args:
        attempts: how many failed, at least 1.
        share: random, 0 to 1.
        first_s: after the first.
        longest_s: and never longer.
    """
    return float(min(longest_s, first_s * 2.0 ** min(attempts - 1, 30)) * (1 - share / 2))
