"""What a roll-out does next (pure). The controller writes the actions down in one transaction and only then says them aloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from deploy.fleet.rollout.cohorts import Labels, in_order, selected, size
from deploy.fleet.rollout.judge import Views, judge, standing
from deploy.fleet.rollout.plan import Cohort, Given, Plan, Rollout, Status, Target
from deploy.fleet.rollout.view import StationView


@dataclass(frozen=True)
class Begin:
    """Begin a cohort."""

    cohort: Cohort


@dataclass(frozen=True)
class Give:
    """Give a station the new model.

    Attributes:
        source: of the station.
        cohort: number.
        target: for its kind.
        before: what runs there and can be given back; None where it is not in the repository.
        above: a revision that the station knows; the new one must be larger.
    """

    source: str
    cohort: int
    target: Target
    before: Target | None
    above: int


@dataclass(frozen=True)
class GiveBack:
    """Give a station what it had before.

    Attributes:
        given: what is taken back.
        above: a revision that the station knows; the new one must be larger.
    """

    given: Given
    above: int


@dataclass(frozen=True)
class Become:
    """Another status, with the reason for people."""

    status: Status
    why: str
    outcome: Status | None = None


@dataclass(frozen=True)
class Note:
    """Nothing new, but this is why."""

    why: str


Action = Begin | Give | GiveBack | Become | Note


def advance(rollout: Rollout, views: Views, labels: Labels, now: float) -> list[Action]:
    """Decide the next step of a roll-out.

    A paused one begins nothing, but is still watched: what turns out bad is taken back all the same.

    Args:
        rollout: as the database has it.
        views: of all stations, by source.
        labels: of the stations.
        now: Unix seconds.
    """
    if rollout.status == "returning":
        return [*_give_back(rollout, views), Become(rollout.outcome or "halted", rollout.why)]
    chosen = in_order(rollout.id, selected(rollout.plan, views, labels))
    if rollout.cohort is None:
        return _next(rollout, views, chosen, now) if rollout.status == "running" else []
    rest = [source for source in chosen if source not in rollout.given]
    verdict = judge(rollout, views, rest, now)
    if verdict.kind == "bad":
        return [Become("returning", f"cohort {rollout.cohort.number + 1}: {verdict.why}", "halted")]
    if rollout.status == "paused":
        return []
    if verdict.kind == "good":
        return _next(rollout, views, chosen, now) or [_done(rollout, views, now)]
    gives: list[Action] = list(_gives(rollout, rollout.cohort, views, chosen, now))
    return gives or ([Note(verdict.why)] if verdict.why != rollout.why else [])


def _next(rollout: Rollout, views: Views, chosen: Sequence[str], now: float) -> list[Action]:
    """The next cohort to which anybody comes new."""
    first = 0 if rollout.cohort is None else rollout.cohort.number + 1
    for number in range(first, len(rollout.plan.shares)):
        base = {source: view.total for source, view in views.items()}
        cohort = Cohort(number, size(rollout.plan, number, len(chosen)), now, base)
        gives = list(_gives(rollout, cohort, views, chosen, now))
        if gives:
            return [Begin(cohort), *gives]
    return []


def _gives(rollout: Rollout, cohort: Cohort, views: Views, chosen: Sequence[str], now: float) -> Iterator[Give]:
    """Fill a cohort up: with those that are here, in the order of their places; the last one with all, for whom the message waits."""
    plan = rollout.plan
    free = [source for source in chosen if source not in rollout.given and not _has_it(plan, views[source])]
    if cohort.size is None:
        wanted = free
    else:
        taken = sum(_takes_a_place(one, views[one.source], plan, now) for one in rollout.given.values())
        wanted = [source for source in free if views[source].is_present(now)][: max(0, cohort.size - taken)]
    for source in wanted:
        yield _give(plan, views[source], cohort.number)


def _takes_a_place(given: Given, view: StationView, plan: Plan, now: float) -> bool:
    return not given.is_superseded and standing(given, view, plan, now) not in ("away", "lost")


def _has_it(plan: Plan, view: StationView) -> bool:
    reported = view.reported
    wanted = plan.targets[reported.device].model.digest if reported else None
    return reported is not None and reported.model is not None and reported.model.digest == wanted


def _give(plan: Plan, view: StationView, cohort: int) -> Give:
    reported = view.reported
    if reported is None:
        raise ValueError(f"{view.source}: only stations that report are selected")
    path = plan.ways_back.get(reported.model.digest) if reported.model else None
    before = Target(path=path, model=reported.model) if path and reported.model else None
    return Give(view.source, cohort, plan.targets[reported.device], before, reported.revision)


def _give_back(rollout: Rollout, views: Mapping[str, StationView]) -> Iterator[GiveBack]:
    for one in rollout.given.values():
        if not one.is_back and not one.is_superseded:
            reported = views[one.source].reported
            yield GiveBack(one, reported.revision if reported else 0)


def _done(rollout: Rollout, views: Views, now: float) -> Become:
    given = [one for one in rollout.given.values() if not one.is_superseded]
    active = sum(standing(one, views[one.source], rollout.plan, now) == "active" for one in given)
    left = len(given) - active
    waits = f"; for {left} the message waits until they are back or done" if left else ""
    return Become("done", f"{active} of {len(given)} stations active{waits}")
