"""Is a cohort good, bad, or is it too early to say? (pure)

What stations say of themselves comes first: ``active``, or ``failed``, ``rolled_back``, ``rejected``. Beside that, what no station can see
alone: whether more of them vanish, crash or abstain than of the others. The rest of the fleet has the same night, the same network and the same
goods, so it is the measure; a difference must be large enough to matter, and too large for chance.

A station that is away says nothing, good or bad: its place in the cohort is given to another one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from deploy.fleet.rollout.cohorts import has_it
from deploy.fleet.rollout.compare import fisher, mann_whitney, poisson
from deploy.fleet.rollout.plan import Given, Plan, Rollout
from deploy.fleet.rollout.view import StationView, Tally

Kind = Literal["good", "bad", "wait"]
Standing = Literal["active", "failed", "silent", "busy", "away", "lost"]
FAILED = ("failed", "rolled_back", "rejected")
ALPHA = 0.001
"""Chance of each look to see by accident what is not there; looks at the same stations are nearly the same look."""
LEAST_REFERENCE = 10
"""Fewer stations are no measure; then a cohort is measured by its own past, or by what the plan allows."""
LEAST_SAMPLE = 5
Views = Mapping[str, StationView]


@dataclass(frozen=True)
class Verdict:
    """What is thought of a cohort.

    Attributes:
        kind: ``wait``: too early to say.
        why: for people.
    """

    kind: Kind
    why: str


def standing(given: Given, view: StationView, plan: Plan, now: float) -> Standing:
    """How far a station is with what a roll-out gave it.

    ``silent``: it is online and does not take notice. ``lost``: it vanished after it began with it. ``away``: it says nothing, and need not.
    """
    reported = view.reported
    if reported is not None and reported.revision == given.revision:
        if reported.phase in FAILED:
            return "failed"
        if view.is_lost(now) and reported.phase in ("warming", "shadow", "probation", "active"):
            return "lost"
        if reported.phase == "active":
            return "active"
        return "busy" if view.is_present(now) else "away"
    if not view.is_present(now):
        return "away"
    waited_s = 0.0 if given.published_at is None else min(now - given.published_at, view.present_for_s(now))
    return "silent" if waited_s > plan.answer_s else "busy"


def judge(rollout: Rollout, views: Views, rest: Sequence[str], now: float) -> Verdict:
    """Judge the newest cohort of a roll-out.

    Args:
        rollout: with a cohort.
        views: of all stations.
        rest: selected stations that do not run the new model, and were not given it.
        now: Unix seconds.
    """
    given = [one for one in rollout.given.values() if not one.is_superseded and not one.is_back]
    standings = {one.source: standing(one, views[one.source], rollout.plan, now) for one in given}
    cohort = [one for one in given if rollout.cohort and one.cohort == rollout.cohort.number]
    others = _reference(rollout, views, rest)
    why = (
        _too_many_fail(rollout.plan, [standings[one.source] for one in cohort])
        or _too_many_fail(rollout.plan, list(standings.values()))
        or _worse(rollout, views, cohort, standings, others, now)
    )
    if why:
        return Verdict("bad", why)
    # whether the lost ones are more than chance takes, only others can tell; without them they hold the cohort up
    passed_over = ("away", "lost") if others else ("away",)
    return _good_or_wait(rollout, [one for one in cohort if standings[one.source] not in passed_over], standings, views, now)


def _too_many_fail(plan: Plan, standings: Sequence[Standing]) -> str | None:
    """More than the allowed share of those that are not away failed, or do not answer."""
    found = Counter(standings)
    bad, of = found["failed"] + found["silent"], len(standings) - found["away"] - found["lost"]
    if not bad or bad <= plan.errors * of:
        return None
    return f"{found['failed']} of {of} stations failed and {found['silent']} do not answer; {plan.errors:.1%} may"


def _worse(
    rollout: Rollout, views: Views, cohort: Sequence[Given], standings: Mapping[str, Standing], others: Sequence[StationView], now: float
) -> str | None:
    members = [views[one.source] for one in cohort]
    running = [views[one.source] for one in cohort if views[one.source].digest == one.digest]
    lost = sum(standings[one.source] == "lost" for one in cohort)
    return (
        _lost(rollout.plan, lost, members, others, now)
        or _crashes(rollout.plan, running, others, rollout)
        or _unsure(rollout.plan, running, others, rollout)
    )


def _reference(rollout: Rollout, views: Views, rest: Sequence[str]) -> list[StationView]:
    """The rest of the selected stations; where they are too few, the rest of the fleet; where that is too small, nobody."""
    base = rollout.cohort.base if rollout.cohort else {}
    selected = [views[source] for source in rest if source in base]
    if len(selected) >= LEAST_REFERENCE:
        return selected
    fleet = [view for source, view in views.items() if source in base and source not in rollout.given and not has_it(rollout.plan, view)]
    return fleet if len(fleet) >= LEAST_REFERENCE else []


def _lost(plan: Plan, lost: int, members: Sequence[StationView], others: Sequence[StationView], now: float) -> str | None:
    if not lost or not others:
        return None
    others_lost = sum(view.is_lost(now) for view in others)
    excess = lost / len(members) - others_lost / len(others)
    if excess <= plan.errors or fisher(lost, len(members), others_lost, len(others)) >= ALPHA:
        return None
    return f"{lost} of {len(members)} stations vanished, but {others_lost} of {len(others)} others"


def _crashes(plan: Plan, running: Sequence[StationView], others: Sequence[StationView], rollout: Rollout) -> str | None:
    """More crashes an hour than allowed, at more stations than among the others in the same time.

    The others are watched since the cohort began, its members since their new model counts, which is shorter: so they are not wronged.
    """
    hours, crashes = sum(view.trial.ran_s for view in running) / 3600, sum(view.trial.crashes for view in running)
    hit = sum(view.trial.crashes > 0 for view in running)
    if not crashes or crashes <= plan.crashes * hours:
        return None
    others_hit = sum(_window(rollout, view).crashes > 0 for view in others)
    chance = fisher(hit, len(running), others_hit, len(others)) if others else poisson(hit, plan.crashes * hours)
    if chance >= ALPHA:
        return None
    beside = f"{others_hit} of {len(others)} others" if others else f"{plan.crashes:g} an hour a station are allowed"
    return f"{hit} of {len(running)} stations crashed, {crashes} times in {hours:.1f} hours together; {beside}"


def _unsure(plan: Plan, running: Sequence[StationView], others: Sequence[StationView], rollout: Rollout) -> str | None:
    """A larger share of counts without an answer than at the others in the same time; where there are none, than before."""
    least = max(1, plan.least_counts)
    sample = _shares([view.trial for view in running], least)
    reference = _shares([_window(rollout, view) for view in others], least)
    beside = "at the others"
    if len(reference) < LEAST_REFERENCE:
        base = rollout.cohort.base if rollout.cohort else {}
        reference, beside = _shares([base[view.source] for view in running if view.source in base], least), "before"
    if len(sample) < LEAST_SAMPLE or len(reference) < LEAST_SAMPLE:
        return None
    now, then = sum(sample) / len(sample), sum(reference) / len(reference)
    if now - then <= plan.unsure or mann_whitney(sample, reference) >= ALPHA:
        return None
    return f"{now:.1%} of the counts at {len(sample)} stations have no answer, {then:.1%} {beside}"


def _window(rollout: Rollout, view: StationView) -> Tally:
    """What a station did since the cohort began."""
    base = rollout.cohort.base.get(view.source) if rollout.cohort else None
    return view.total.since(base) if base else Tally()


def _shares(tallies: Sequence[Tally], least: int) -> list[float]:
    return [one.unsure / one.counted for one in tallies if one.counted >= least]


def _good_or_wait(rollout: Rollout, here: Sequence[Given], standings: Mapping[str, Standing], views: Views, now: float) -> Verdict:
    plan, newest = rollout.plan, rollout.cohort
    active = [one for one in here if standings[one.source] == "active"]
    last = newest is not None and newest.size is None
    # the last cohort has those as well that may never come back; any other without a witness says nothing
    needed = max(0 if last else 1, math.ceil(plan.success * len(here) - 1e-9))
    if len(active) < needed:
        hold_up = _away(rollout, standings) + _hold_up(here, standings, views)
        return Verdict("wait", f"{len(active)} of {len(here)} stations active, {needed} are needed{hold_up}")
    settled_at = max([newest.began_at if newest else 0.0, *sorted(views[one.source].phase_at for one in active)[:needed]])
    until = settled_at + plan.soak_s
    if now < until:
        return Verdict("wait", f"{len(active)} of {len(here)} stations active; watched until {_utc(until)}")
    counted = sum(views[one.source].trial.counted >= plan.least_counts for one in active)
    if counted * 2 < len(active):
        return Verdict("wait", f"{counted} of {len(active)} active stations counted {plan.least_counts} times; half of them must have")
    return Verdict("good", f"{len(active)} of {len(here)} stations active, and not worse than the others")


def _utc(at: float) -> str:
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _away(rollout: Rollout, standings: Mapping[str, Standing]) -> str:
    """How many of the newest cohort are not here, and how many of them vanished."""
    newest = rollout.cohort.number if rollout.cohort else None
    found = Counter(standing for source, standing in standings.items() if rollout.given[source].cohort == newest)
    return "".join(f", {found[name]} {name}" for name in ("away", "lost") if found[name])


def _hold_up(here: Sequence[Given], standings: Mapping[str, Standing], views: Views) -> str:
    """Where the others are, the most frequent phases first."""
    phases: Counter[str] = Counter()
    for one in here:
        reported = views[one.source].reported
        if standings[one.source] == "busy":
            phases[reported.phase if reported and reported.revision == one.revision else "unread"] += 1
    return "".join(f", {count} {phase}" for phase, count in phases.most_common(3))
