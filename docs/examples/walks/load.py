"""Put the counts of a CSV file into a ledger, as «bintally wms listen» does with those that stations send: load.py counts.csv north"""

# ruff: noqa: INP001 - a script, no module
import csv
import sys
from datetime import datetime
from pathlib import Path

from bintally.messages import CountData, CountEvent, ModelName, utc_now
from bintally.topics import Station
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import Ledger
from warehouse.ledger.events import Arrived, take

CLASSES, UNSURE = 7, 0.5  # 0 to 5 items, and 6 or more
STATION = Station(sys.argv[2], "pick-1")


def event(number: int, row: dict[str, str]) -> CountEvent:
    """What a station would have sent."""
    seen, confidence = min(int(row["quantity"]), CLASSES - 1), float(row["confidence"])
    taken_at = datetime.fromisoformat(row["taken_at"].replace("Z", "+00:00"))
    data = CountData(
        counted=seen if confidence >= UNSURE and seen < CLASSES - 1 else None,
        at_least=seen if confidence >= UNSURE and seen == CLASSES - 1 else None,
        unsure=confidence < UNSURE,
        confidence=confidence,
        probabilities=[confidence if one == seen else (1 - confidence) / (CLASSES - 1) for one in range(CLASSES)],
        taken_at=taken_at,
        frame_ms=20.0,
        model=ModelName(name="bin-counter", version="1.0.0", digest="0" * 64),
        trigger="settled",
    )
    return CountEvent(source=STATION.source, id=f"{'a' * 22}-{number}", subject=row["bin"], time=taken_at, data=data)


with Ledger("sqlite:///ledger.db") as ledger, ledger.begin() as tx, Path(sys.argv[1]).open(encoding="utf-8") as lines:
    events = [event(number, row) for number, row in enumerate(csv.DictReader(lines), 1)]
    new = take(tx, [Arrived(STATION, one) for one in events], Rules(), utc_now())
print(len(new), "counts")
