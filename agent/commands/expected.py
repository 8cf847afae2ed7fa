"""The quantities that the books expect, from the retained ``expected/{bin}`` (pure)."""

from __future__ import annotations

import structlog

from agent.delivery.incoming import Incoming
from bintally.errors import InputError, UsageError
from bintally.messages import parse_expected

MAX_BINS = 10_000
MAX_PAYLOAD_BYTES = 4096
log = structlog.get_logger()


class ExpectedBook:
    """Quantity by bin; used by one thread.

    It holds ``MAX_BINS``; a further bin is not taken in, and the first of them is logged, until others are taken back.
    """

    def __init__(self) -> None:
        self._quantities: dict[str, int] = {}
        self._told_full = False

    def __len__(self) -> int:
        return len(self._quantities)

    def quantity(self, bin_name: str) -> int | None:
        """What the books expect in a bin; None where they do not say."""
        return self._quantities.get(bin_name)

    def clear(self) -> None:
        """Forget all, at a new connection: the broker then sends what it keeps, and nothing tells what was taken back meanwhile."""
        self._quantities.clear()
        self._told_full = False

    def take(self, incoming: Incoming) -> bool:
        """Take in a message.

        Args:
            incoming: of the kind ``expected``; an empty payload takes the bin's quantity back. A malformed one is logged and ignored.

        Returns:
            Whether anything changed.

        Raises:
            UsageError: it is of another kind.
        """
        if incoming.kind != "expected" or not incoming.name:
            raise UsageError(f"{incoming.kind}: the book takes expected/{{bin}} only")
        if not incoming.payload:
            self._told_full = False
            return self._quantities.pop(incoming.name, None) is not None
        try:
            quantity = _read(incoming.payload)
        except InputError as error:
            log.warning("expected quantity ignored", bin=incoming.name, reason=str(error)[:1000])
            return False
        return self._write(incoming.name, quantity)

    def _write(self, bin_name: str, quantity: int) -> bool:
        if bin_name not in self._quantities and len(self._quantities) >= MAX_BINS:
            if not self._told_full:
                log.warning("expected quantity ignored", bin=bin_name, reason=f"there are {MAX_BINS} bins already; take some back")
            self._told_full = True
            return False
        changed = self._quantities.get(bin_name) != quantity
        self._quantities[bin_name] = quantity
        return changed


def _read(payload: bytes) -> int:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise InputError(f"{len(payload)} bytes; an expected quantity has {MAX_PAYLOAD_BYTES} at most")
    return parse_expected(payload).quantity
