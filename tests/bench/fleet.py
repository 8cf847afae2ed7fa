"""A fleet of simulated stations on a real Mosquitto: two bad models and a good one, each rolled out from the first cohort to the end.

    python -m tests.bench.fleet --stations 1000 --haste 60

Each station is the agent's own state machine of updates, and says over MQTT what an agent says, in compressed time. Some update in earnest:
TUF over HTTP, and ONNX Runtime opens the bundle in a process of its own. The controller is a process with a database; while the good model
goes out it is killed (SIGKILL), and another one goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bintally.brokers import broker_access
from bintally.bundle import DEFAULT_BUNDLE
from bintally.messages.base import ModelName
from deploy.fleet.cli import fleet
from deploy.fleet.desired import read_desired_key
from deploy.fleet.repository.folder import Folder
from deploy.fleet.repository.state import published
from deploy.fleet.rollout.controller import Controller
from deploy.fleet.rollout.link import FleetLink
from deploy.fleet.rollout.plan import OPEN
from deploy.fleet.rollout.starting import make_plan
from deploy.fleet.rollout.store import Store
from deploy.fleet.rollout.targets import FolderRepository
from tests.deploy.fleet.rollout.air import Air, Clock
from tests.fakes.bundle import repack
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.programs import Start, programs, wait_until
from tests.fakes.stations import DEVICE, Habit, Station, fleet_of, running
from tests.fakes.updating_stations import Updates, UpdatingStation, updating

HABITS = {"crashes": Habit(crashes=1.0), "abstains": Habit(unsure=0.25), "good": Habit()}
"""What the new model does; the old one abstains in 5 % of its counts, and never crashes."""
CONNECTIONS, PATIENCE_S = 20, 1800.0
CONFIG = "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 1000000000\nmax_queued_bytes 0\nmax_inflight_messages 200\n"
SERVE = (sys.executable, "-u", "-c", "import sys; from deploy.fleet.cli import fleet; sys.exit(fleet(sys.argv[1:]))", "serve")


@dataclass(frozen=True)
class Size:
    """How large a run is.

    Attributes:
        stations: in all.
        in_earnest: of them that download and load.
        haste: seconds of a station's life in one of ours.
        cohorts: shares of the stations.
        bundle: the model; its versions differ in their name alone.
    """

    stations: int = 1000
    in_earnest: int = 20
    haste: float = 60.0
    cohorts: tuple[float, ...] = (0.1, 0.5, 1.0)
    bundle: Path = DEFAULT_BUNDLE


@dataclass(frozen=True)
class Outcome:
    """How a scenario ended.

    Attributes:
        status, why: of the roll-out.
        given: stations that it gave the new model.
        new: stations that run it in the end.
        loaded: bundles that ONNX Runtime opened.
        kills: of the controller.
        took_s: real seconds.
        said: messages that stations sent.
        broker_s: processor time of the broker meanwhile.
    """

    status: str
    why: str
    given: int
    new: int
    loaded: int
    kills: int
    took_s: float
    said: int
    broker_s: float


def main(words: Sequence[str] = ()) -> None:
    """Print how each scenario ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", type=int, default=Size.stations)
    parser.add_argument("--in-earnest", type=int, default=Size.in_earnest, help="of them that download and load (default: %(default)s)")
    parser.add_argument("--haste", type=float, default=Size.haste, help="seconds of a station's life in one of ours (default: %(default)g)")
    parser.add_argument("--only", choices=HABITS, help="one scenario (default: all)")
    options = parser.parse_args(words)
    size = Size(options.stations, options.in_earnest, options.haste)
    for scenario in [options.only] if options.only else HABITS:
        with tempfile.TemporaryDirectory() as folder:
            end = rolled_out(scenario, Path(folder), size)
        print(
            f"fleet of {size.stations}, {size.in_earnest} of them in earnest, new model {scenario}: {end.status} after {end.took_s:.0f} s "
            f"({end.took_s * size.haste / 60:.0f} min of theirs), {end.kills} controllers killed; {end.given} were given it, {end.new} run it; "
            f"{end.loaded} bundles loaded; {end.said / end.took_s:.0f} messages/s, broker {end.broker_s:.1f} s of processor time "
            f"({end.broker_s / end.took_s:.1%} of a core)\n  {end.why}",
            flush=True,
        )


def rolled_out(scenario: str, folder: Path, size: Size) -> Outcome:
    """Roll one model out.

    Args:
        scenario: key of ``HABITS``.
        folder: empty.
        size: of the fleet.
    """
    with ExitStack() as stack:
        start = stack.enter_context(programs())
        old, new = _publish(folder, size.bundle)
        repository = FolderRepository(folder / "repository")
        stations = fleet_of(size.stations, old, repository.desired_keys(), {new.digest: HABITS[scenario]})
        workers = stack.enter_context(ThreadPoolExecutor(2, "updates"))
        earnest = _in_earnest(stations, size.in_earnest, folder, _served(start, folder), workers)
        broker, clock = Mosquitto(start, folder, CONFIG), Clock(time.time(), size.haste)
        air = Air(broker.port, stations, clock, CONNECTIONS, 1.0)
        air.start()
        stack.callback(air.stop)
        store = Store(f"sqlite:///{folder / 'fleet.db'}")
        stack.callback(store.close)
        controllers = Controllers(folder, broker.url(), clock)
        controllers.begin()
        stack.callback(controllers.kill)
        wait_until(lambda: sum(one.reported is not None for one in store.views().values()) == size.stations, "all are heard", PATIENCE_S)

        began, said, spent = time.monotonic(), air.said, _cpu_s(broker.pid)
        wanted = {"name": new.name, "version": new.version, "shares": size.cohorts}
        name = store.start(make_plan(repository, store.views(), {}, wanted), lambda _: None, "ann", clock())
        if scenario == "good":
            half = size.stations // 2
            wait_until(lambda: size.stations > len(store.rollout(name).given) >= half, "half of them were given it", PATIENCE_S)
            controllers.kill()
            controllers.begin()
        wait_until(lambda: store.rollout(name).status not in OPEN, "it ends", PATIENCE_S)
        ended = store.rollout(name)
        wait_until(lambda: running(stations, new.digest) == (size.stations if ended.status == "done" else 0), "all are moved", PATIENCE_S)
        return Outcome(
            ended.status,
            ended.why,
            len(ended.given),
            running(stations, new.digest),
            sum(one.updates.loaded for one in earnest),
            controllers.kills,
            time.monotonic() - began,
            air.said - said,
            _cpu_s(broker.pid) - spent,
        )


class Controllers:
    """One at a time, in a process of its own; what ``bintally fleet run`` is, but for the clock.

    Attributes:
        kills: of those that were at work.
    """

    def __init__(self, folder: Path, url: str, clock: Clock) -> None:
        self._arguments = (f"sqlite:///{folder / 'fleet.db'}", url, folder / "keys" / "desired-1.pem", clock)
        self._process: multiprocessing.process.BaseProcess | None = None
        self.kills = 0

    def begin(self) -> None:
        self._process = multiprocessing.get_context("spawn").Process(target=_control, args=self._arguments)
        self._process.start()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process, self.kills = None, self.kills + 1


def _control(database: str, url: str, key: Path, clock: Clock) -> None:
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    link = FleetLink(broker_access(url))
    link.start()
    Controller(Store(database), link, read_desired_key(key, lambda _: ""), f"controller-{os.getpid()}", clock).run(threading.Event())


def _publish(folder: Path, bundle: Path) -> list[ModelName]:
    """A repository with two versions of a bundle; their names."""
    repository, content = str(folder / "repository"), bundle.read_bytes()
    with contextlib.redirect_stdout(io.StringIO()):
        fleet(["init", repository])
        for version in ("1.0.0", "2.0.0"):
            path = folder / f"{version}.onnx"
            named = {"version": version, "target": DEVICE}
            path.write_bytes(repack(content, partial(_rename, named)))
            fleet(["publish", repository, str(path)])
    found = sorted(published(Folder(folder / "repository").opened()), key=lambda one: one.facts.version)
    return [ModelName(name=one.facts.name, version=one.facts.version, digest=one.sha256) for one in found]


def _rename(named: dict[str, str], fields: dict[str, Any]) -> None:
    fields.update(named)


def _served(start: Start, folder: Path) -> str:
    """Where the repository is."""
    return start(*SERVE, str(folder / "repository"), "--port", "0").line().split()[1].removesuffix("metadata/")


def _in_earnest(stations: list[Station], count: int, folder: Path, url: str, workers: Executor) -> list[UpdatingStation]:
    """Make some of them, spread over all, update in earnest."""
    root = (folder / "repository" / "metadata" / "1.root.json").read_bytes()
    places = [number * len(stations) // count for number in range(count)]
    found = [updating(stations[place], Updates(url, root, folder / f"station-{place}"), workers) for place in places]
    for place, one in zip(places, found, strict=True):
        stations[place] = one
    return found


def _cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(sys.argv[1:])
