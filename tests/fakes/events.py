"""Count events for tests."""

from __future__ import annotations

from bintally.messages import CountData, CountEvent, ModelName, utc_now

EPOCH = "a" * 22


def count_event(event_id: str = f"{EPOCH}-1", source: str = "site/station", counted: int = 3, file: str | None = None) -> CountEvent:
    """A good count event."""
    data = CountData(
        counted=counted,
        at_least=None,
        unsure=False,
        confidence=0.9,
        probabilities=[0.1, 0.9],
        taken_at=utc_now(),
        frame_ms=1.5,
        file=file,
        model=ModelName(name="m", version="1.0.0", digest="d"),
    )
    return CountEvent(source=source, id=event_id, subject="bin-1", time=utc_now(), data=data)
