"""A fresh process that opens one contender, answers one frame, and says when and with how much memory."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np


def main() -> None:
    """Print ``answered_at`` (of the machine's monotonic clock), ``open_s`` and ``peak_mb`` as JSON."""
    fields, threads = json.loads(sys.argv[1]), int(sys.argv[2])
    from export.benchmark.contenders import Contender

    contender = Contender(**{**fields, "bundle": Path(fields["bundle"])})
    height, width = contender.size
    begun = time.perf_counter()
    answer = contender.open(threads)
    answer(np.zeros((1, height, width, 3), np.uint8))
    answered_at = time.perf_counter()
    print(json.dumps({"answered_at": answered_at, "open_s": answered_at - begun, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    """The process's largest resident memory in MB. Not getrusage's: that one begins with what the parent had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
