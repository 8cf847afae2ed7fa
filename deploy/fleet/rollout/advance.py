"""What a roll-out does next (pure). The controller writes the actions down in one transaction and only then says them aloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from deploy.fleet.rollout.cohorts import Labels, has_it, in_order, selected, size
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
    free = [source for source in chosen if source not in rollout.given and not has_it(rollout.plan, views[source])]
    if rollout.cohort is None:
        return _go_on(rollout, views, free, len(chosen), now) if rollout.status == "running" else []
    verdict = judge(rollout, views, free, now)
    if verdict.kind == "bad":
        return [Become("returning", f"cohort {rollout.cohort.number + 1}: {verdict.why}", "halted")]
    if rollout.status == "paused":
        return []
    gives: list[Action] = list(_gives(rollout, rollout.cohort, views, free, now))
    if gives or verdict.kind != "good":
        return gives or _note(rollout, verdict.why)
    awaited = _awaited(rollout, rollout.cohort, views, free, now)
    if awaited:
        return _note(rollout, f"{verdict.why}; {awaited} more are to come to this cohort when they are here")
    return _go_on(rollout, views, free, len(chosen), now)


def _note(rollout: Rollout, why: str) -> list[Action]:
    return [Note(why)] if why != rollout.why else []


def _go_on(rollout: Rollout, views: Views, free: Sequence[str], stations: int, now: float) -> list[Action]:
    """The next cohort to which anybody comes new, or what it waits for; where there is none left, the end."""
    first = 0 if rollout.cohort is None else rollout.cohort.number + 1
    for number in range(first, len(rollout.plan.shares)):
        base = {source: view.total for source, view in views.items()}
        cohort = Cohort(number, size(rollout.plan, number, stations), now, base)
        gives = list(_gives(rollout, cohort, views, free, now))
        if gives:
            return [Begin(cohort), *gives]
        if _awaited(rollout, cohort, views, free, now):
            return _note(rollout, f"cohort {number + 1} begins when a station is here that can be given the model")
    return [_done(rollout, views, now)]


def _gives(rollout: Rollout, cohort: Cohort, views: Views, free: Sequence[str], now: float) -> Iterator[Give]:
    """Fill a cohort up: with those that are here, in the order of their places; the last one with all, for whom the message waits."""
    wanted = free
    if cohort.size is not None:
        wanted = [source for source in free if views[source].is_present(now)][: max(0, cohort.size - _taken(rollout, views, now))]
    for source in wanted:
        yield _give(rollout.plan, views[source], cohort.number)


def _awaited(rollout: Rollout, cohort: Cohort, views: Views, free: Sequence[str], now: float) -> int:
    """For how many places of a cohort stations will come; else a night would skip cohorts, and the last one would begin untried.

    The first station is waited for however long it takes; more of them only while they were here of late.
    """
    if cohort.size is None:
        return 0
    taken = _taken(rollout, views, now)
    expected = sum(not taken or views[source].is_expected(now) for source in free)
    return min(max(0, cohort.size - taken), expected)


def _taken(rollout: Rollout, views: Views, now: float) -> int:
    """Places that are taken. Who went away before it began frees its own; who vanished later does not, or a model that kills would spread."""
    standings = (standing(one, views[one.source], rollout.plan, now) for one in rollout.given.values() if not one.is_superseded)
    return sum(one != "away" for one in standings)


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
