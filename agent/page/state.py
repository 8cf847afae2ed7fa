"""What the page shows, as JSON (pure): the snapshot in words, so that the script in the browser only has to draw it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.page.picture import Offer, size_of
from agent.status import Snapshot, View
from agent.updater.words import update_words
from bintally import __version__
from bintally.messages import CountData, CountEvent, Trigger
from bintally.topics import Station

_TRIGGERS: dict[Trigger, str] = {"image": "picture", "settled": "came to rest", "heartbeat": "on schedule", "command": "asked for"}
_SURE = ((0.95, "very sure"), (0.8, "sure"), (0.6, "fairly sure"), (0.0, "not sure"))


def page_state(
    snapshot: Snapshot, station: Station, offer: Offer | None, corrected: Mapping[str, int], now: float, stale_after_s: float
) -> dict[str, Any]:
    """Everything that the page shows.

    Args:
        snapshot: of the agent.
        station: whose page it is.
        offer: the picture to show.
        corrected: true quantities that were recorded, by event id.
        now: monotonic seconds.
        stale_after_s: an older picture is not live.
    """
    model = snapshot.model
    return {
        "site": station.site,
        "station": station.station,
        "version": __version__,
        "phase": snapshot.phase,
        "note": snapshot.note,
        "camera": {"state": snapshot.camera.state, "reason": snapshot.camera.reason},
        "picture": _picture(offer, now),
        "stale_after_s": stale_after_s,
        "views": [_view(view, corrected) for view in snapshot.views],
        "model": None if model is None else {"name": model.name, "version": model.version, "providers": list(snapshot.providers)},
        "update": update_words(snapshot.update),
        "connected": snapshot.connected,
        "link_problem": snapshot.link_problem,
        "outbox": {"depth": snapshot.outbox_depth, "oldest_s": snapshot.outbox_oldest_s},
        "counted": snapshot.counted,
        "unsure": snapshot.unsure,
        "recent": [_count(event, corrected) for event in snapshot.recent],
        "identify_s": max(0.0, snapshot.identify_until - now),
    }


def _picture(offer: Offer | None, now: float) -> dict[str, Any] | None:
    if offer is None:
        return None
    width, height = size_of(offer.frame)
    return {"number": offer.number, "width": width, "height": height, "age_s": round(max(0.0, now - offer.grabbed_at), 2)}


def _view(view: View, corrected: Mapping[str, int]) -> dict[str, Any]:
    return {
        "bin": view.bin,
        "region": view.region.model_dump(include={"left", "top", "right", "bottom"}),
        "scene": view.scene,
        "waits_for": view.waits_for,
        "count": None if view.newest is None else _count(view.newest, corrected),
    }


def _count(event: CountEvent, corrected: Mapping[str, int]) -> dict[str, Any]:
    data = event.data
    against = data.verification
    return {
        "id": event.id,
        "bin": event.subject,
        "taken_at": data.taken_at.isoformat(),
        "digits": digits(data),
        "share": data.confidence,
        "sure": sure_words(data),
        "trigger": _TRIGGERS[data.trigger],
        "expected": None if against is None else against.expected,
        "verdict": None if against is None else against.verdict,
        "corrected": corrected.get(event.id),
    }


def digits(data: CountData) -> str:
    """A count as short as can be: ``3``, ``6+`` or ``unsure``."""
    if data.unsure:
        return "unsure"
    return str(data.counted) if data.at_least is None else f"{data.at_least}+"


def sure_words(data: CountData) -> str:
    """How sure a count is; of an unsure one, what it looks like most."""
    if not data.unsure:
        return next(words for share, words in _SURE if data.confidence >= share)
    last = len(data.probabilities) - 1
    first, second = sorted(range(last + 1), key=lambda count: -data.probabilities[count])[:2]
    low, high = sorted((first, second))
    return f"{low} or {high}{'+' if high == last else ''}?"
