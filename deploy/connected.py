"""Whether a program beside this one has a connection: the health check of containers that only connect to a broker.

    python -m deploy.connected 8883

Ends with 0 where a TCP connection to that port is established in this network namespace, else with 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_REMOTE, _STATE = 2, 3
_ESTABLISHED = "01"


def connected(tables: Iterable[str], port: int) -> bool:
    """Look for a connection.

    Args:
        tables: the text of ``/proc/net/tcp`` and ``tcp6``. Source: proc(5).
        port: of the other side.
    """
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return any(row[_STATE] == _ESTABLISHED and int(row[_REMOTE].rpartition(":")[2], 16) == port for row in rows)


if __name__ == "__main__":
    sys.exit(not connected((table.read_text() for table in TABLES if table.exists()), int(sys.argv[1])))
