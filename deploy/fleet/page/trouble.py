"""What is wrong with a station, for people (pure). The same bounds as ``deploy/prometheus/alerts.yml``, but of this moment."""

from __future__ import annotations

from deploy.fleet.rollout.judge import FAILED
from deploy.fleet.rollout.shown import ago
from deploy.fleet.rollout.view import StationView

OUTBOX_S, UNSURE, LEAST_COUNTS, LEAST_DISK_BYTES = 600.0, 0.3, 20, 1e9
CRASHES_AN_HOUR, LEAST_CRASHES = 0.2, 2
_STOPPED_WORK = ("no camera", "no counter", "disk full")
_LONGEST_REASON = 160


def troubles(view: StationView, now: float) -> list[str]:
    """Everything that somebody should look at; a station that was switched off is in none."""
    found = []
    if view.is_lost(now):
        found.append(f"vanished {ago(now - max(view.seen_at, view.status_at))} ago")
    reported = view.reported
    if reported is not None and reported.phase in FAILED:
        reason = (reported.reason or "it gave no reason")[:_LONGEST_REASON]
        found.append(f"{reported.phase.replace('_', ' ')}: {reason}")
    return [*found, *_unwell(view), *_worse(view)] if view.is_present(now) else found


def _unwell(view: StationView) -> list[str]:
    """What its newest health tells."""
    health = view.health
    if health is None:
        return []
    found: list[str] = [health.phase] if health.phase in _STOPPED_WORK else []
    if health.outbox_oldest_s is not None and health.outbox_oldest_s > OUTBOX_S:
        found.append(f"{health.outbox_depth} counts wait for the ledger, the oldest for {ago(health.outbox_oldest_s)}")
    if health.disk_free_bytes < LEAST_DISK_BYTES:
        found.append("less than 1 GB of disk free")
    if health.throttled:
        found.append("slows down to keep cool")
    if health.clock_synchronised is False:
        found.append("clock not set")
    return found


def _worse(view: StationView) -> list[str]:
    """What its model did since it took over."""
    trial, found = view.trial, []
    if trial.counted >= LEAST_COUNTS and trial.unsure / trial.counted > UNSURE:
        found.append(f"unsure in {trial.unsure / trial.counted:.0%} of its counts")
    if trial.crashes >= LEAST_CRASHES and trial.crashes * 3600 > CRASHES_AN_HOUR * trial.ran_s:
        found.append(f"{trial.crashes} crashes in {ago(trial.ran_s)}")
    return found
