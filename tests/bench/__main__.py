"""``make bench``."""

from __future__ import annotations

import os
import platform

from tests.bench import delivery, discrepancies, edge, endpoint, engine, fleet, ledger, station, training

print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
edge.main()
station.main()
delivery.main()
discrepancies.main()
engine.main()
endpoint.main()
training.main()
fleet.main()
ledger.main()
