"""A broker, a clock and a fleet of simulated stations inside one process, for roll-outs in compressed time."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bintally.messages.base import ModelName
from bintally.updates import DesiredKeys, target_path
from deploy.fleet.desired import DesiredKey
from deploy.fleet.rollout.controller import Controller
from deploy.fleet.rollout.link import Heard
from deploy.fleet.rollout.plan import Plan, Target
from deploy.fleet.rollout.store import Store
from tests.fakes.stations import Habit, Station, fleet_of

START = 1_800_000_000.0
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = DesiredKey("one", PRIVATE)
KEYS = DesiredKeys(keys={"one": base64.urlsafe_b64encode(PRIVATE.public_key().public_bytes_raw()).decode().rstrip("=")})
OLD = ModelName(name="counter", version="1.0.0", digest="a" * 64)
NEW = ModelName(name="counter", version="2.0.0", digest="b" * 64)


def plan(**changes: object) -> Plan:
    """From OLD to NEW, on CPUs."""
    target = Target(path=target_path("counter", "2.0.0", "cpu"), model=NEW)
    ways = {OLD.digest: target_path("counter", "1.0.0", "cpu")}
    return Plan.model_validate({"name": "counter", "version": "2.0.0", "targets": {"cpu": target}, "ways_back": ways, **changes})


@dataclass
class Broker:
    """Retained messages; stands in for ``FleetLink``.

    Attributes:
        obeys: whether desires reach the stations.
    """

    stations: dict[str, Station]
    retained: dict[tuple[str, str], bytes] = field(default_factory=dict)
    desired: dict[str, bytes] = field(default_factory=dict)
    published: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 1
    settled: bool = True
    _live: list[Heard] = field(default_factory=list)
    _numbers: list[int] = field(default_factory=list)

    def say(self, source: str, kind: str, payload: bytes) -> None:
        self.retained[source, kind] = payload
        self._live.append(Heard(source, kind, payload, live=True))

    def take(self) -> list[Heard]:
        taken, self._live = self._live, []
        return taken

    def ask_again(self) -> None:
        self._live = [Heard(source, kind, payload, live=False) for (source, kind), payload in self.retained.items()]

    def is_settled(self) -> bool:
        return self.settled

    def publish(self, topic: str, payload: bytes) -> int:
        source = "/".join(topic.split("/")[2:4])
        self.published.append((source, payload))
        self.desired[source] = payload
        self.stations[source].obey(payload, self.say)
        self._numbers.append(len(self.published))
        return len(self.published)

    def acknowledged(self) -> list[int]:
        taken, self._numbers = self._numbers, []
        return taken


@dataclass
class World:
    """A fleet, its broker, its database, and the time."""

    url: str
    stations: Sequence[Station]
    now: float = START
    holder: str = "one"

    def __post_init__(self) -> None:
        self.broker = Broker({one.source: one for one in self.stations})
        for one in self.stations:
            one.begin(self.now, self.broker.say)
        self.store = Store(self.url)
        self.controller = self.new_controller()

    def new_controller(self, holder: str = "one") -> Controller:
        return Controller(self.store, self.broker, KEY, holder, lambda: self.now)  # type: ignore[arg-type]  # stands in

    def start(self, **changes: object) -> str:
        return self.store.start(plan(**changes), lambda _: None, "ann", self.now)

    def pass_time(self, hours: float, step_s: float = 60.0) -> None:
        """Let everybody live on."""
        for _ in range(round(hours * 3600 / step_s)):
            self.now += step_s
            for one in self.stations:
                one.live(self.now, self.broker.say)
            self.controller.step()

    def until_closed(self, name: str, hours: float = 12.0) -> str:
        """Live on until a roll-out has ended and its desires are obeyed; its status."""
        for _ in range(round(hours * 4)):
            self.pass_time(0.25)
            if self.store.rollout(name).status in ("done", "halted", "aborted"):
                self.pass_time(0.25)
                return self.store.rollout(name).status
        return self.store.rollout(name).status


def world(folder: Path, count: int = 60, habit: Habit | None = None, seed: int = 0) -> World:
    """A fleet that runs OLD, where NEW has a habit."""
    return World(f"sqlite:///{folder / 'fleet.db'}", fleet_of(count, OLD, KEYS, {NEW.digest: habit or Habit()}, seed))
