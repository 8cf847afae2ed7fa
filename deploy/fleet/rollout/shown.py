"""Roll-outs and stations for people and for programs (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.fleet.rollout.cohorts import Labels
from deploy.fleet.rollout.judge import standing
from deploy.fleet.rollout.plan import Rollout
from deploy.fleet.rollout.view import StationView

Views = Mapping[str, StationView]
_STANDINGS = ("active", "busy", "failed", "silent", "lost", "away")


def rollout_json(rollout: Rollout, views: Views, now: float, *, stations: bool = False) -> dict[str, Any]:
    """A roll-out for programs; with ``stations`` each of them."""
    own = {one.source: one for one in rollout.given.values()}
    standings = {
        source: "other" if one.is_superseded else standing(one, _view(views, source), rollout.plan, now) for source, one in own.items()
    }
    counts = Counter(standings.values())
    found: dict[str, Any] = {
        "id": rollout.id,
        "model": rollout.plan.name,
        "version": rollout.plan.version,
        "status": rollout.status,
        "why": rollout.why,
        "who": rollout.who,
        "began_at": rollout.began_at,
        "cohort": None if rollout.cohort is None else rollout.cohort.number + 1,
        "cohorts": len(rollout.plan.shares),
        "given": len(own),
        "given_back": sum(one.is_back for one in own.values()),
        **{name: counts[name] for name in _STANDINGS},
        "other": counts["other"],
    }
    if stations:
        found["stations"] = [
            {
                "source": one.source,
                "cohort": one.cohort + 1,
                "revision": one.revision,
                "back": one.is_back,
                "standing": standings[one.source],
            }
            for one in sorted(own.values(), key=lambda one: (one.cohort, one.source))
        ]
    return found


def rollout_table(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Roll-outs in columns, the heading first."""
    heading = ("roll-out", "status", "cohort", "given", *_STANDINGS)
    rows = [
        (
            one["id"],
            one["status"],
            f"{one['cohort'] or 0}/{one['cohorts']}",
            str(one["given"]),
            *(str(one[name] or "") for name in _STANDINGS),
        )
        for one in found
    ]
    return [heading, *rows]


def station_json(view: StationView, labels: Labels, now: float) -> dict[str, Any]:
    """A station for programs."""
    reported, health, trial = view.reported, view.health, view.trial
    model = (reported.model if reported else None) or (health.model if health else None)
    return {
        "station": view.source,
        "state": view.state.status if view.state and not _silent(view, now) else "silent",
        "model": None if model is None else model.model_dump(),
        "phase": reported.phase if reported else None,
        "reason": reported.reason if reported else None,
        "revision": reported.revision if reported else 0,
        "device": reported.device if reported else None,
        "agent": reported.agent if reported else None,
        "counted": trial.counted,
        "unsure_share": trial.unsure / trial.counted if trial.counted else None,
        "counts_per_hour": trial.counted / trial.ran_s * 3600 if trial.ran_s else None,
        "crashes": trial.crashes,
        "outbox_depth": health.outbox_depth if health else None,
        "seen_at": view.seen_at or None,
        "labels": dict(labels.get(view.source, {})),
    }


def station_table(found: Sequence[Mapping[str, Any]], now: float) -> list[tuple[str, ...]]:
    """Stations in columns, the heading first."""
    rows: list[tuple[str, ...]] = [
        ("station", "state", "model", "phase", "device", "unsure", "counts/h", "crashes", "outbox", "seen", "labels")
    ]
    for one in found:
        model = one["model"]
        rows.append(
            (
                one["station"],
                one["state"],
                f"{model['name']} {model['version']}" if model else "-",
                one["phase"] or "-",
                one["device"] or "-",
                "-" if one["unsure_share"] is None else f"{one['unsure_share']:.1%}",
                "-" if one["counts_per_hour"] is None else f"{one['counts_per_hour']:.0f}",
                str(one["crashes"]),
                "-" if one["outbox_depth"] is None else str(one["outbox_depth"]),
                "-" if one["seen_at"] is None else ago(now - one["seen_at"]),
                " ".join(f"{key}={value}" for key, value in sorted(one["labels"].items())),
            )
        )
    return rows


def ago(seconds: float) -> str:
    """A time span in its largest unit."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _view(views: Views, source: str) -> StationView:
    """A station; one that was first heard between two looks into the database is known by its name alone."""
    return views.get(source) or StationView(source=source)


def _silent(view: StationView, now: float) -> bool:
    return view.state is not None and view.state.status == "online" and not view.is_present(now)
