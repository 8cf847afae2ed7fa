"""The commands, as a fleet manager gives them: a real repository, a real broker, stations that are simulated."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from bintally.errors import BintallyError, InputError, UnavailableError, UsageError
from bintally.messages.base import ModelName
from deploy.fleet.cli import fleet
from deploy.fleet.repository.folder import Folder
from deploy.fleet.repository.state import published
from deploy.fleet.rollout.store import Store
from tests.deploy.fleet.conftest import Bundles, Clock, Fleet
from tests.deploy.fleet.rollout.air import on_air
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.programs import Start
from tests.fakes.stations import fleet_of, running


class Floor:
    """A repository with two versions, a broker, and twenty stations that run the first."""

    def __init__(self, ours: Fleet, bundle: Bundles, broker: Mosquitto, folder: Path) -> None:
        assert ours("publish", bundle("1.0.0"), bundle("2.0.0")) == 0
        self.repository, self.key, self.broker = ours.path, ours.keys / "desired-1.pem", broker
        self.database = f"sqlite:///{folder / 'fleet.db'}"
        self.models = {
            one.facts.version: ModelName(name=one.facts.name, version=one.facts.version, digest=one.sha256)
            for one in published(Folder(ours.path).opened())
        }
        self.stations = fleet_of(20, self.models["1.0.0"], ours.station().desired_keys(), {})
        self.name = self.models["1.0.0"].name

    def __call__(self, *words: str, connects: bool = True) -> int:
        more = ("--database", self.database, *(("--broker", self.broker.url()) if connects else ()))
        return fleet([*words, *more])

    def rollout(self, *words: str, version: str = "2.0.0") -> int:
        return self("rollout", "start", "--repository", str(self.repository), "--model", self.name, "--version", version, *words)


@pytest.fixture
def floor(ours: Fleet, bundle: Bundles, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    monkeypatch.setattr("deploy.fleet.rollout.controller.ROUND_S", 0.1)
    found = Floor(ours, bundle, Mosquitto(start, tmp_path), tmp_path)
    with on_air(found.broker.url(), found.stations):
        yield found


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_a_rollout_from_start_to_end(floor: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    words = ("--cohorts", "20,100", "--least", "4", "--soak", "1s", "--counts", "0", "--desired-key", str(floor.key))
    assert floor.rollout(*words, "--json") == 0
    done = told(capsys)
    assert (done["status"], done["active"], done["given"], done["cohort"]) == ("done", 20, 20, 2)
    assert running(floor.stations, floor.models["2.0.0"].digest) == 20
    assert floor("rollout", "status", connects=False) == 0
    assert str(done["id"]) in capsys.readouterr().out
    with pytest.raises(UsageError, match="nothing to do: all 20 selected stations run"):
        floor.rollout()


def test_what_is_wrong_is_said_before_anything_moves(floor: Floor, tmp_path: Path) -> None:
    for words, version, kind, why in (
        ((), "3.0.0", InputError, r"3.0.0-cpu.onnx, or one for float: not in the repository, but 20 of 20 selected stations need it"),
        (("--site", "rome"), "2.0.0", InputError, "no station is selected, of 20"),
        (("--label", "ring=early"), "2.0.0", InputError, "no station is selected"),
        (("--cohorts", "50,10"), "2.0.0", UsageError, "--cohorts: .*must grow"),
        (("--limit", "no=1"), "2.0.0", UsageError, "--limit: no: Extra"),
        (("--desired-key", str(tmp_path / "none.pem")), "2.0.0", InputError, "none.pem"),
    ):
        with pytest.raises(kind, match=why):
            floor.rollout(*words, version=version)
    assert Store(floor.database).rollouts() == []


def test_another_rollout_over_the_same_stations_is_refused(floor: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    assert floor("label", "site-1/pick-1", "ring=early", connects=False) == 0
    assert floor.rollout("--label", "ring=early") == 0
    assert "nobody moves it yet" in capsys.readouterr().out
    with pytest.raises(UsageError, match=r"is running over 1 of these stations \(site-1/pick-1, for instance\)"):
        floor.rollout("--site", "site-1")
    assert floor.rollout("--site", "site-2", "--json") == 0
    second = str(told(capsys)["id"])
    assert floor("rollout", "pause", second, connects=False) == 0
    assert floor("rollout", "resume", second, connects=False) == 0
    assert floor("rollout", "abort", second, connects=False) == 0
    with pytest.raises(UsageError, match="is aborted; only one that is running or paused"):
        floor("rollout", "abort", second, connects=False)
    with pytest.raises(InputError, match="x: no such roll-out; the newest are"):
        floor("rollout", "status", "x", connects=False)


def test_a_model_without_a_way_back_is_refused(floor: Floor) -> None:
    for one in floor.stations:
        one.shipped = ModelName(name="shipped", version="0.9.0", digest="c" * 64)
    wait_for_report(floor)
    with pytest.raises(InputError, match=r"shipped 0.9.0 with SHA-256 c+…: 20 of 20 .* no way back"):
        floor.rollout()
    assert floor.rollout("--no-way-back") == 0


def wait_for_report(floor: Floor) -> None:
    """All stations say again what they run."""
    for one in floor.stations:
        one.says_again = True
    deadline = time.monotonic() + 10
    while any(one.says_again for one in floor.stations):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_station_by_hand(floor: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    target = f"{floor.name}/2.0.0-cpu.onnx"
    words = ("--repository", str(floor.repository), "--desired-key", str(floor.key))
    assert floor("desire", "site-3/pick-3", target, *words) == 0
    assert capsys.readouterr().out.endswith("revision 1; sent\n")
    deadline = time.monotonic() + 20
    while running(floor.stations, floor.models["2.0.0"].digest) != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(InputError, match="rome/x: never said which model it runs"):
        floor("desire", "rome/x", target, *words)
    with pytest.raises(InputError, match="not in the repository"):
        floor("desire", "site-3/pick-3", "x/1.0.0-cpu.onnx", *words)


def test_a_key_that_stations_do_not_obey_is_refused(floor: Floor, bare: Fleet) -> None:
    assert bare("desired-key", "revoke", "desired-1") == 0
    with pytest.raises(InputError, match="stations do not obey the key"):
        floor.rollout("--desired-key", str(floor.key))


def test_stations_are_shown(floor: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    assert floor("label", "site-0/pick-0", "ring=early", connects=False) == 0
    assert floor("stations") == 0
    shown = capsys.readouterr().out
    assert "site-0/pick-0   online  grey-counter 1.0.0  idle   cpu" in shown
    assert "ring=early" in shown
    assert shown.endswith("20 stations\n")
    assert floor("stations", "--json") == 0
    assert told(capsys)["state"] == "online"


def test_a_broker_that_is_away_is_told(floor: Floor) -> None:
    with pytest.raises(UnavailableError, match="nothing listens there"):
        fleet(["stations", "--broker", "mqtt://127.0.0.1:1", "--database", floor.database])


@pytest.mark.parametrize(
    "words",
    [
        ("rollout", "start", "--soak", "5x"),
        ("rollout", "start", "--errors", "200%"),
        ("label", "nobody", "a=b"),
        ("label", "a/b/c", "a=b"),
        ("label", "a/b", "a"),
        ("label", "a/b c", "a=b"),
        ("rollout", "turn"),
    ],
    ids=" ".join,
)
def test_words_that_mean_nothing_are_wrong_use(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        fleet(words)
    assert ended.value.code == 2


def test_a_url_needs_a_root(floor: Floor) -> None:
    with pytest.raises(BintallyError, match="what a server says must be verified"):
        floor("rollout", "start", "--repository", "http://127.0.0.1:1", "--model", "x", "--version", "1.0.0")


def test_a_repository_behind_a_web_server_is_read_as_a_station_reads_it(
    floor: Floor, ours: Fleet, clock: Clock, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    clock.now = datetime.now(timezone.utc)  # python-tuf has its own look at the time
    assert ours("renew", "targets", "grey-counter") == 0
    code = "import sys; from deploy.fleet.cli import fleet; sys.exit(fleet(sys.argv[1:]))"
    server = start(sys.executable, "-u", "-c", code, "serve", str(floor.repository), "--port", "0")
    url = server.line().split()[1].removesuffix("/metadata/")
    root = floor.repository / "metadata" / "1.root.json"
    words = ("rollout", "start", "--repository", url, "--root", str(root), "--model", floor.name, "--version", "2.0.0", "--json")
    assert floor(*words) == 0
    plan = Store(floor.database).rollout(str(told(capsys)["id"])).plan
    assert plan.targets["cpu"].model == floor.models["2.0.0"]
    assert plan.ways_back == {floor.models["1.0.0"].digest: f"{floor.name}/1.0.0-cpu.onnx"}
