"""Rows of the fleet's database and what they mean; all here happens inside a transaction of ``Store``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa

from bintally.errors import InputError
from bintally.messages.model import Limits, ModelDesired
from deploy.fleet.rollout.advance import Action, Become, Begin, Give, GiveBack, Note
from deploy.fleet.rollout.plan import AT_ONCE, Cohort, Given, Plan, Rollout, Target
from deploy.fleet.rollout.tables import AUDIT, COHORTS, DESIRES, LEASES, ROLLOUTS, STATIONS
from deploy.fleet.rollout.view import StationView, Tally

CONTROLLER = "controller"


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An insert that knows ON CONFLICT, which both databases spell alike."""
    from sqlalchemy.dialects import postgresql, sqlite

    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def hold(connection: sa.Connection, holder: str, now: float, lease_s: float) -> bool:
    """Take or renew the controller's lease; False while another one has it."""
    statement = insert(connection, LEASES).values(name=CONTROLLER, holder=holder, until=now + lease_s)
    free = (LEASES.c.holder == holder) | (LEASES.c.until <= now)
    taken = statement.on_conflict_do_update(index_elements=["name"], set_={"holder": holder, "until": now + lease_s}, where=free)
    return connection.execute(taken.returning(LEASES.c.holder)).first() is not None


def row(connection: sa.Connection, name: str, *, lock: bool = False) -> sa.Row[Any]:
    """A roll-out's row.

    Raises:
        InputError: there is none of this id.
    """
    query = sa.select(ROLLOUTS).where(ROLLOUTS.c.id == name)
    found = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        known = [one for (one,) in connection.execute(sa.select(ROLLOUTS.c.id).order_by(ROLLOUTS.c.number.desc()).limit(5))]
        raise InputError(f"{name}: no such roll-out; " + (f"the newest are {', '.join(known)}" if known else "there is none yet"))
    return found


def rollout(connection: sa.Connection, found: sa.Row[Any]) -> Rollout:
    """A roll-out with its newest cohort and all that it gave."""
    newest = sa.select(COHORTS).where(COHORTS.c.rollout == found.id).order_by(COHORTS.c.number.desc()).limit(1)
    cohort = connection.execute(newest).one_or_none()
    return Rollout(
        found.id,
        Plan.model_validate_json(found.plan),
        found.status,
        found.outcome,
        found.why,
        None if cohort is None else _cohort(cohort),
        _given(connection, found.id),
        found.began_at,
        found.who,
    )


def _cohort(row: sa.Row[Any]) -> Cohort:
    base = {source: Tally.model_construct(**values) for source, values in row.base.items()}
    return Cohort(row.number, row.size, row.began_at, base)


def _given(connection: sa.Connection, rollout: str) -> dict[str, Given]:
    query = (
        sa.select(DESIRES, STATIONS.c.revision.label("newest"))
        .join(STATIONS, STATIONS.c.source == DESIRES.c.source)
        .where(DESIRES.c.rollout == rollout)
        .order_by(DESIRES.c.revision)
    )
    return {
        row.source: Given(
            row.source,
            row.revision,
            row.cohort,
            row.digest,
            None if row.before is None else Target.model_validate_json(row.before),
            row.is_back,
            row.published_at,
            row.newest != row.revision,
        )
        for row in connection.execute(query)
    }


def apply(connection: sa.Connection, of: Rollout, action: Action, who: str, now: float) -> None:
    """Write one action down."""
    if isinstance(action, Begin):
        base = {source: tally.model_dump() for source, tally in action.cohort.base.items()}
        values = {"rollout": of.id, "number": action.cohort.number, "size": action.cohort.size, "began_at": now, "base": base}
        connection.execute(sa.insert(COHORTS).values(values))
        _set(connection, of.id, why=f"cohort {action.cohort.number + 1} begins")
        audit(connection, now, who, "cohort", f"{of.id}: {action.cohort.number + 1}")
    elif isinstance(action, Give):
        desire(
            connection,
            action.source,
            action.target,
            action.above,
            now,
            limits=of.plan.limits,
            rollout=of.id,
            cohort=action.cohort,
            before=action.before,
        )
    elif isinstance(action, GiveBack):
        given = action.given
        desire(
            connection,
            given.source,
            given.before,
            action.above,
            now,
            limits=AT_ONCE,
            retry=True,
            rollout=of.id,
            cohort=given.cohort,
            is_back=True,
        )
    elif isinstance(action, Become):
        _set(connection, of.id, status=action.status, outcome=action.outcome, why=action.why)
        audit(connection, now, who, action.status, f"{of.id}: {action.why}")
    elif isinstance(action, Note):
        _set(connection, of.id, why=action.why)


def take_back_unheard(connection: sa.Connection, of: Rollout, now: float) -> None:
    """What neither broker nor station has of a roll-out that ends must not be said to them afterwards."""
    for given in of.given.values():
        if given.published_at is None and not given.is_superseded and not given.is_back:
            view = connection.execute(sa.select(STATIONS.c.view).where(STATIONS.c.source == given.source)).scalar()
            reported = StationView.model_validate_json(view).reported if view else None
            if reported is None or reported.revision != given.revision:
                apply(connection, of, GiveBack(given, 0), "", now)


def _set(connection: sa.Connection, rollout: str, **values: object) -> None:
    connection.execute(sa.update(ROLLOUTS).where(ROLLOUTS.c.id == rollout).values(**values))


def desire(
    connection: sa.Connection,
    source: str,
    target: Target | None,
    above: int,
    now: float,
    *,
    limits: Limits,
    retry: bool = False,
    rollout: str | None = None,
    cohort: int | None = None,
    before: Target | None = None,
    is_back: bool = False,
) -> int:
    """Reserve a revision, and write down the desire that will have it."""
    larger = sa.case((STATIONS.c.revision < above, above), else_=STATIONS.c.revision) + 1
    reserve = sa.update(STATIONS).where(STATIONS.c.source == source).values(revision=larger).returning(STATIONS.c.revision)
    revision: int = connection.execute(reserve).scalar_one()
    content = None if target is None else _content(source, revision, target, now, limits, retry=retry, rollout=rollout)
    connection.execute(
        sa.insert(DESIRES).values(
            source=source,
            revision=revision,
            rollout=rollout,
            cohort=cohort,
            is_back=is_back,
            digest=target.model.digest if target else None,
            before=before.model_dump_json() if before else None,
            content=content,
        )
    )
    return revision


def _content(source: str, revision: int, target: Target, now: float, limits: Limits, *, retry: bool, rollout: str | None) -> str:
    return ModelDesired(
        revision=revision,
        station=source,
        model=target.model,
        target=target.path,
        issued_at=datetime.fromtimestamp(now, timezone.utc),
        rollout=rollout,
        retry=retry,
        limits=limits,
    ).model_dump_json()


def audit(connection: sa.Connection, now: float, who: str, what: str, detail: str) -> None:
    """Say who did what."""
    connection.execute(sa.insert(AUDIT).values(at=now, who=who, what=what, detail=detail))
