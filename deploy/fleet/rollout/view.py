"""What the fleet knows of one station, folded from its retained messages (pure).

Counters of ``Health`` begin anew with each start of the agent, so they are added up here: ``total`` over all models, ``trial`` since the
model that counts now took over.
"""

from __future__ import annotations

from pydantic import Field

from bintally.messages.base import Message
from bintally.messages.model import ModelReported
from bintally.messages.station import Health, State

SILENT_S = 300.0
"""A station says its health every few seconds; after so long without a word it is away, whatever its retained state says."""
ABSENT_S = 7 * 86_400.0
"""Longer than a weekend or a shift's end; a station that was not here for so long is not waited for."""


class Tally(Message):
    """What a station did over some time.

    Attributes:
        counted: counts.
        unsure: of them those without an answer.
        crashes: starts of the agent without a clean end before.
        ran_s: for how long it ran, seconds.
    """

    counted: int = Field(0, ge=0)
    unsure: int = Field(0, ge=0)
    crashes: int = Field(0, ge=0)
    ran_s: float = Field(0.0, ge=0)

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            counted=self.counted + other.counted,
            unsure=self.unsure + other.unsure,
            crashes=self.crashes + other.crashes,
            ran_s=self.ran_s + other.ran_s,
        )

    def since(self, base: Tally) -> Tally:
        """What was added to an earlier tally."""
        return Tally(
            counted=max(0, self.counted - base.counted),
            unsure=max(0, self.unsure - base.unsure),
            crashes=max(0, self.crashes - base.crashes),
            ran_s=max(0.0, self.ran_s - base.ran_s),
        )


class StationView(Message):
    """A station as the fleet sees it.

    Attributes:
        source: ``site/station``, encoded as in topics.
        state, health, reported: the newest message of each kind.
        seen_at: when it last said something, Unix seconds by the fleet's clock, as all times here.
        status_at: since when it is online, or not.
        phase_at: since when it reports this revision and phase.
        total: since the fleet knows it.
        trial: since the model with ``digest`` counts.
        digest: of the model that ``trial`` is about.
    """

    source: str
    state: State | None = None
    health: Health | None = None
    reported: ModelReported | None = None
    seen_at: float = 0.0
    status_at: float = 0.0
    phase_at: float = 0.0
    total: Tally = Tally()
    trial: Tally = Tally()
    digest: str | None = None

    def is_present(self, now: float) -> bool:
        """Whether it is online, and says so by more than a retained message."""
        return self.state is not None and self.state.status == "online" and now - self.seen_at <= SILENT_S

    def is_lost(self, now: float) -> bool:
        """Whether it vanished without a farewell, longer ago than a restart takes."""
        if self.state is None or self.state.status == "stopped":
            return False
        since = self.seen_at if self.state.status == "online" else self.status_at
        return now - since > SILENT_S

    def is_expected(self, now: float) -> bool:
        """Whether it was here of late, by what was heard or, where nobody listened then, by its own clock."""
        told_at = self.reported.at.timestamp() if self.reported else 0.0
        return any(0 <= now - at <= ABSENT_S for at in (self.seen_at, told_at))

    def present_for_s(self, now: float) -> float:
        """For how long it is online without a break, as far as it was heard; 0 while it is not."""
        return now - self.status_at if self.is_present(now) else 0.0


def with_state(view: StationView, state: State, now: float, *, live: bool) -> StationView:
    """The station's birth, its farewell, or its last will.

    Args:
        view: before.
        state: the message.
        now: Unix seconds.
        live: whether it came as it was said; else it is a retained one, which hides how many came before it.
    """
    before = view.state
    if before is not None and state.session < before.session:
        return view  # the will of a connection that was replaced long since
    same = before is not None and (state.status == "online") == (before.status == "online")
    changes: dict[str, object] = {"state": state}
    if live and state.status == "online":
        changes |= _heard(view, now)
    if not same:
        changes["status_at"] = now
    if live and before is not None and state.status == "online" and state.session != before.session and before.status != "stopped":
        crash = Tally(crashes=1)
        changes |= {"total": view.total.plus(crash), "trial": view.trial.plus(crash)}
    return view.model_copy(update=changes)


def with_health(view: StationView, health: Health, now: float) -> StationView:
    """A station's health; a retained one is young as well, because the broker forgets it soon."""
    before = view.health
    if before is not None and health.session < before.session:
        return view
    digest = health.model.digest if health.model else view.digest
    new = Tally(counted=health.counted, unsure=min(health.unsure, health.counted), ran_s=health.uptime_s)
    if before is not None and before.session == health.session:
        new = new.since(Tally(counted=before.counted, unsure=before.unsure, ran_s=before.uptime_s))
    # what lies between two healths of different models cannot be told apart, and what was before the first is of who knows which
    trial = view.trial.plus(new) if digest == view.digest and before is not None else Tally()
    changes = {"health": health, "total": view.total.plus(new), "trial": trial, "digest": digest}
    return view.model_copy(update={**changes, **_heard(view, now)})


def with_reported(view: StationView, reported: ModelReported, now: float, *, live: bool) -> StationView:
    """How far it is with what it is to run."""
    before = view.reported
    if before is not None and reported.session < before.session:
        return view
    same = before is not None and (before.revision, before.phase) == (reported.revision, reported.phase)
    changes: dict[str, object] = {"reported": reported, "phase_at": view.phase_at if same else now}
    return view.model_copy(update={**changes, **(_heard(view, now) if live else {})})


def _heard(view: StationView, now: float) -> dict[str, object]:
    """It speaks. After a silence, the broker's or ours, its time online begins anew: what it was told meanwhile nobody knows."""
    is_back = now - view.seen_at > SILENT_S and view.state is not None and view.state.status == "online"
    return {"seen_at": now, **({"status_at": now} if is_back else {})}
