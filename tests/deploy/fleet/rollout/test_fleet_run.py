"""The real thing: ``bintally fleet run`` as a process, Mosquitto between it and the stations, and SIGKILL."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bintally.updates import DesiredKeys
from deploy.fleet.desired import read_desired_key
from deploy.fleet.rollout.store import Store
from tests.bench.fleet import Size, rolled_out
from tests.deploy.fleet.rollout.air import on_air
from tests.deploy.fleet.rollout.world import KEYS, NEW, OLD, PRIVATE, plan
from tests.fakes.bundle import tiny_bundle_bytes
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.programs import PATIENCE_S, Start, wait_until
from tests.fakes.stations import Habit, fleet_of, running

FLEET = (sys.executable, "-c", "import sys; from deploy.fleet.cli import fleet; sys.exit(fleet(sys.argv[1:]))")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "desired.pem"
    path.write_bytes(PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return path


@pytest.mark.long
def test_a_bad_model_is_taken_back_though_the_controller_is_killed_and_the_broker_forgets(tmp_path: Path, start: Start, key: Path) -> None:
    keys = DesiredKeys(keys={read_desired_key(key, lambda _: "").kid: KEYS.keys["one"]})
    fleet = fleet_of(30, OLD, keys, {NEW.digest: Habit(ends="rolled_back")})
    broker = Mosquitto(start, tmp_path)
    url = f"sqlite:///{tmp_path / 'fleet.db'}"
    store = Store(url)
    name = store.start(plan(shares=(0.3, 1.0), least=3, least_counts=0), lambda _: None, "ann", time.time())

    controller = (*FLEET, "run", "--desired-key", str(key), "--broker", broker.url(), "--database", url)
    with on_air(broker.url(), fleet):
        first = start(*controller)
        wait_until(lambda: len(store.rollout(name).given) == 9, "the first cohort has its desires")
        first.signal(signal.SIGKILL)
        holder = store.controller(time.time())
        assert holder, "the dead one's lease is still there"
        store.let_go(holder)  # as if its time had passed
        broker.stop()
        broker.start()
        start(*controller)
        wait_until(lambda: store.rollout(name).status == "halted", "the roll-out is halted", 2 * PATIENCE_S)
        wait_until(lambda: all(one.revision == 2 for one in fleet if one.source in store.rollout(name).given), "all are back")
    assert running(fleet, OLD.digest) == 30
    assert [one.what for one in store.audit()] == ["halted", "returning", "cohort", "start"]
    store.close()


def test_the_controller_waits_for_a_broker_and_says_so(tmp_path: Path, start: Start, key: Path) -> None:
    program = start(*FLEET, "run", "--desired-key", str(key), "--broker", "mqtt://127.0.0.1:1", "--database", f"sqlite:///{tmp_path}/f.db")
    wait_until(lambda: "nothing listens there" in program.stderr or not program.running, "it says what it waits for")
    assert program.running
    program.signal(signal.SIGTERM)
    assert program.wait() == 0
    assert program.stderr.count("nothing listens there") == 1


@pytest.mark.long
@pytest.mark.parametrize(("scenario", "status", "given"), [("crashes", "halted", 20), ("abstains", "halted", 20), ("good", "done", 100)])
def test_a_fleet_with_real_downloads_ends_as_its_model_deserves(tmp_path: Path, scenario: str, status: str, given: int) -> None:
    """As ``python -m tests.bench.fleet`` with a thousand, whose figures are in docs/fleet.md."""
    bundle = tmp_path / "tiny.onnx"
    bundle.write_bytes(tiny_bundle_bytes())
    (tmp_path / "fleet").mkdir()
    end = rolled_out(scenario, tmp_path / "fleet", Size(stations=100, in_earnest=5, haste=240.0, cohorts=(0.2, 1.0), bundle=bundle))
    assert (end.status, end.given, end.new) == (status, given, 100 if status == "done" else 0)
    assert end.kills == (scenario == "good")
    assert end.loaded == 5 or status == "halted"
