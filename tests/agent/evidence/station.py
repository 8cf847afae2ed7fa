"""A program that keeps and corrects pictures as fast as it can, and says each correction that is safe; made to be killed.

``python -m tests.agent.evidence.station FOLDER MAX_BYTES FIRST``
"""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from itertools import count as numbers
from pathlib import Path

from agent.evidence.store import EvidenceStore
from bintally.logs import log_to_stderr
from tests.agent.evidence.folders import count, jpeg

AT = datetime(2026, 1, 2, tzinfo=timezone.utc)


def main(folder: str, max_bytes: str, first: str) -> None:
    """Run until killed."""
    log_to_stderr()
    store = EvidenceStore(Path(folder), int(max_bytes))
    for number in numbers(int(first) + 1):
        event = count(number)
        store.keep(event, jpeg(number, 3000), "unsure" if number % 3 else "random")
        result = store.correct(event.id, number % 7, "anna", AT, (event, jpeg(number, 3000)))
        print(event.id, result.quantity, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
