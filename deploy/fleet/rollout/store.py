"""What must outlive the controller: stations, roll-outs, every desire that was given, who did what, and who may decide.

A revision is reserved and its desire written down in one transaction, before anybody hears of it. So a controller that is killed leaves
nothing that was said and not written; what was written and not said has no ``published_at``, and is said by the next one, in the same words.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from bintally.errors import UnavailableError, UsageError
from bintally.messages.model import Limits, ModelDesired
from deploy.fleet.rollout import rows
from deploy.fleet.rollout.advance import Action
from deploy.fleet.rollout.plan import OPEN, Plan, Rollout, Status, Target
from deploy.fleet.rollout.tables import AUDIT, DESIRES, LEASES, ROLLOUTS, STATIONS, open_engine, reason
from deploy.fleet.rollout.view import StationView

LEASE_S = 10.0
"""Ten rounds; so long after a controller died another one takes over. One that was only slow finds out when it writes."""


class LeaseLostError(UnavailableError):
    """Another controller decides now."""


@dataclass(frozen=True)
class Unsaid:
    """A desire as it stands in the database.

    Attributes:
        source: of the station.
        revision: of the desire.
        desired: to be signed; None: the retained message is to be deleted.
    """

    source: str
    revision: int
    desired: ModelDesired | None


@dataclass(frozen=True)
class Entry:
    """A line of the audit log; ``at`` in Unix seconds."""

    at: float
    who: str
    what: str
    detail: str


@dataclass(frozen=True)
class Ended:
    """A roll-out that is over, without its stations."""

    id: str
    status: Status
    why: str
    who: str
    began_at: float


class Store:
    """The fleet's database; each method is one transaction.

    Every method raises UnavailableError where the database fails; nothing is changed then.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://…``.

    Raises:
        UsageError: it is no such URL.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    # stations

    def views(self) -> dict[str, StationView]:
        """All stations that were heard."""
        with self._reading() as connection:
            texts = connection.execute(sa.select(STATIONS.c.view).where(STATIONS.c.view.is_not(None))).scalars()
            return {view.source: view for view in map(StationView.model_validate_json, texts)}

    def save(self, views: Sequence[StationView]) -> None:
        """Keep what stations said."""
        said = [{"key": view.source, "view": view.model_dump_json()} for view in views]
        with self._writing() as connection:
            self._know(connection, [view.source for view in views])
            if said:
                connection.execute(sa.update(STATIONS).where(STATIONS.c.source == sa.bindparam("key")), said)

    def labels(self) -> dict[str, dict[str, str]]:
        """Source → labels."""
        with self._reading() as connection:
            return {row.source: row.labels for row in connection.execute(sa.select(STATIONS.c.source, STATIONS.c.labels))}

    def label(self, source: str, changes: Mapping[str, str | None], who: str, now: float) -> dict[str, str]:
        """Set labels of a station, which need not have been heard yet; None takes one away.

        Returns:
            All that it has then.
        """
        with self._writing() as connection:
            self._know(connection, [source])
            row = connection.execute(sa.select(STATIONS.c.labels).where(STATIONS.c.source == source).with_for_update()).one()
            labels = {key: value for key, value in {**row.labels, **changes}.items() if value is not None}
            connection.execute(sa.update(STATIONS).where(STATIONS.c.source == source).values(labels=labels))
            rows.audit(connection, now, who, "label", f"{source}: {', '.join(f'{key}={value}' for key, value in labels.items()) or 'none'}")
            return labels

    # roll-outs

    def start(self, plan: Plan, check: Callable[[Sequence[Rollout]], None], who: str, now: float) -> str:
        """Write a new roll-out down; the controller takes it from there.

        Args:
            plan: what is wanted.
            check: sees the roll-outs that are open, and raises where the new one cannot be; nobody begins another one meanwhile.
            who: wants it.
            now: Unix seconds.

        Returns:
            Its id.
        """
        with self._writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text(f"LOCK TABLE {ROLLOUTS.name} IN EXCLUSIVE MODE"))
            check([rows.rollout(connection, row) for row in connection.execute(sa.select(ROLLOUTS).where(ROLLOUTS.c.status.in_(OPEN)))])
            name = f"{plan.name[:40]}-{plan.version[:20]}-{secrets.token_hex(3)}"
            row = {"id": name, "plan": plan.model_dump_json(), "status": "running", "why": "begins", "began_at": now, "who": who}
            connection.execute(sa.insert(ROLLOUTS).values(row))
            rows.audit(connection, now, who, "start", name)
        return name

    def rollouts(self, *, only_open: bool = False) -> list[Rollout]:
        """Roll-outs, oldest first."""
        query = sa.select(ROLLOUTS).order_by(ROLLOUTS.c.number)
        with self._reading() as connection:
            return [
                rows.rollout(connection, row)
                for row in connection.execute(query.where(ROLLOUTS.c.status.in_(OPEN)) if only_open else query)
            ]

    def ended(self, newest: int = 10) -> list[Ended]:
        """The newest roll-outs that are over, newest first."""
        found = (ROLLOUTS.c.id, ROLLOUTS.c.status, ROLLOUTS.c.why, ROLLOUTS.c.who, ROLLOUTS.c.began_at)
        query = sa.select(*found).where(ROLLOUTS.c.status.not_in(OPEN)).order_by(ROLLOUTS.c.number.desc()).limit(newest)
        with self._reading() as connection:
            return [Ended(*row) for row in connection.execute(query)]

    def rollout(self, name: str) -> Rollout:
        """One roll-out.

        Raises:
            InputError: there is none of this id.
        """
        with self._reading() as connection:
            return rows.rollout(connection, rows.row(connection, name))

    def order(self, name: str, status: Status, who: str, now: float, *, allowed: Sequence[Status], outcome: Status | None = None) -> None:
        """Change a roll-out by hand.

        Args:
            name: of the roll-out.
            status: the new one.
            who: wants it.
            now: Unix seconds.
            allowed: statuses in which this makes sense.
            outcome: how it is to end, where it is ``returning``.

        Raises:
            InputError: there is none of this id.
            UsageError: it stands otherwise.
        """
        with self._writing() as connection:
            row = rows.row(connection, name, lock=True)
            if row.status not in allowed:
                raise UsageError(f"{name}: is {row.status}; only one that is {' or '.join(allowed)} can become {outcome or status}")
            if status == "aborted":
                rows.take_back_unheard(connection, rows.rollout(connection, row), now)
            why = f"{outcome or status} by {who}"
            connection.execute(sa.update(ROLLOUTS).where(ROLLOUTS.c.id == name).values(status=status, outcome=outcome, why=why))
            rows.audit(connection, now, who, outcome or status, name)

    def apply(self, rollout: Rollout, actions: Sequence[Action], holder: str, now: float) -> bool:
        """Write down what was decided on a roll-out; all of it or nothing.

        Args:
            rollout: as it was when it was decided.
            actions: of ``advance``.
            holder: of the lease.
            now: Unix seconds.

        Returns:
            False where somebody changed the roll-out meanwhile: decide again.

        Raises:
            LeaseLostError: another controller decides now.
        """
        with self._writing() as connection:
            if not rows.hold(connection, holder, now, LEASE_S):
                raise LeaseLostError("another controller took over; this one only watches")
            if rows.row(connection, rollout.id, lock=True).status != rollout.status:
                return False
            for action in actions:
                rows.apply(connection, rollout, action, holder, now)
        return True

    # desires

    def give(self, source: str, target: Target, above: int, limits: Limits, who: str, now: float, *, retry: bool = False) -> int:
        """Give one station a desire by hand; it then belongs to no roll-out.

        Returns:
            The revision.
        """
        with self._writing() as connection:
            self._know(connection, [source])
            revision = rows.desire(connection, source, target, above, now, limits=limits, retry=retry)
            rows.audit(connection, now, who, "desire", f"{source}: {target.path}, revision {revision}")
            return revision

    def unsaid(self) -> list[Unsaid]:
        """The newest desire of each station that the broker has not acknowledged."""
        return self._newest(DESIRES.c.published_at.is_(None))

    def desires(self) -> list[Unsaid]:
        """The newest desire of each station."""
        return self._newest(sa.true())

    def said(self, desires: Sequence[tuple[str, int]], now: float | None) -> None:
        """The broker has these: (source, revision); with None it has lost them."""
        if desires:
            query = sa.update(DESIRES).where(DESIRES.c.source == sa.bindparam("a"), DESIRES.c.revision == sa.bindparam("b"))
            with self._writing() as connection:
                connection.execute(query.values(published_at=now), [{"a": source, "b": revision} for source, revision in desires])

    # who did what, and who decides

    def note(self, who: str, what: str, detail: str, now: float) -> None:
        """Write a line into the log."""
        with self._writing() as connection:
            rows.audit(connection, now, who, what, detail)

    def audit(self, newest: int = 100) -> list[Entry]:
        """The newest lines of the log, newest first."""
        with self._reading() as connection:
            query = sa.select(AUDIT.c.at, AUDIT.c.who, AUDIT.c.what, AUDIT.c.detail).order_by(AUDIT.c.number.desc()).limit(newest)
            return [Entry(*row) for row in connection.execute(query)]

    def hold(self, holder: str, now: float, lease_s: float = LEASE_S) -> bool:
        """Take or renew the lease of the controller; False while another one has it."""
        with self._writing() as connection:
            return rows.hold(connection, holder, now, lease_s)

    def let_go(self, holder: str) -> None:
        """Give the lease back, so that another controller need not wait."""
        with self._writing() as connection:
            connection.execute(sa.delete(LEASES).where(LEASES.c.name == rows.CONTROLLER, LEASES.c.holder == holder))

    def controller(self, now: float) -> str | None:
        """Who decides now; None while nobody does."""
        with self._reading() as connection:
            query = sa.select(LEASES.c.holder).where(LEASES.c.name == rows.CONTROLLER, LEASES.c.until > now)
            holder: str | None = connection.execute(query).scalar()
            return holder

    def _newest(self, condition: sa.ColumnElement[bool]) -> list[Unsaid]:
        query = (
            sa.select(DESIRES.c.source, DESIRES.c.revision, DESIRES.c.content)
            .join(STATIONS, (STATIONS.c.source == DESIRES.c.source) & (STATIONS.c.revision == DESIRES.c.revision))
            .where(condition)
            .order_by(DESIRES.c.source)
        )
        with self._reading() as connection:
            return [
                Unsaid(source, revision, None if text is None else ModelDesired.model_validate_json(text))
                for source, revision, text in connection.execute(query)
            ]

    def _know(self, connection: sa.Connection, sources: Sequence[str]) -> None:
        if sources:
            query = rows.insert(connection, STATIONS).on_conflict_do_nothing()
            connection.execute(query, [{"source": source, "labels": {}} for source in sources])

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._told(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._told(), self._engine.execution_options(reads=True).begin() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            where = self._engine.url.render_as_string()
            raise UnavailableError(f"{where}: {reason(error)}; check that it is there, has space, and nobody holds it") from error
