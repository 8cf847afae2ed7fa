"""From a bare system to the first acknowledged count: one command on the fleet's side, one on the station."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.fleet.cli import fleet
from tests.deploy.fleet.enrol.conftest import Plant
from tests.fakes.bundle import write_grey_images
from tests.fakes.ledgers import counts
from tests.fakes.programs import BINTALLY, Start
from warehouse.ledger import Ledger


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A bintally that is installed already, so that no test needs the network."""
    path = tmp_path / "bintally"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m bintally.cli "$@"\n')
    path.chmod(0o755)
    return path


def unpack(plant: Plant, tmp_path: Path, station: str, *options: str) -> Path:
    """What the fleet's one command makes, unpacked."""
    broker = f"mqtts://127.0.0.1:{plant.port}"
    assert fleet(["enroll", str(plant.ca), "berlin", station, "--broker", broker, "--out", str(tmp_path), *options]) == 0
    subprocess.run(["tar", "-xzf", str(tmp_path / f"berlin.{station}.tar.gz"), "-C", str(tmp_path)], check=True)
    return tmp_path / f"berlin.{station}"


def install(folder: Path, root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(folder / "install.sh"), "--root", str(root), *options], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_station_counts_and_is_acknowledged_after_one_command_on_each_side(
    plant: Plant, start: Start, program: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    write_grey_images(tmp_path / "frames", [0, 3, 6])
    (tmp_path / "site.toml").write_text(f'# shared\nbundle = "{tiny_bundle}"\nthreads = 1\nbroker_patience_s = 60\n')
    folder = unpack(plant, tmp_path, "first", "--source", str(tmp_path / "frames"), "--template", str(tmp_path / "site.toml"))
    root = tmp_path / "root"
    done = install(folder, root, "--program", str(program))
    assert (done.returncode, done.stderr) == (0, "")

    settings = root / "etc/bintally/station.toml"  # the only thing that knows where it is: paths in it are the device's
    text = settings.read_text().replace("/etc/bintally", f"{root}/etc/bintally").replace("/var/lib/bintally", f"{tmp_path}/state")
    settings.write_text(text)
    files, url = plant.role("ledger"), f"sqlite:///{tmp_path}/ledger.db"
    certificate = ["--ca", str(plant.ca / "ca.pem"), "--certificate", str(files.certificate), "--key", str(files.key)]
    listening = start(*BINTALLY, "wms", "listen", "--json", "--broker", f"mqtts://127.0.0.1:{plant.port}", "--ledger", url, *certificate)
    agent = start(str(root / "opt/bintally/bin/bintally"), "agent", "run", "--once", "--config", str(settings))
    assert agent.wait() == 0, agent.stderr
    assert agent.lines()[-1] == "counted 3, all acknowledged\n"
    assert "broker refused" not in agent.stderr + listening.stderr, "the access list lets both do all that they do"
    ledger = Ledger(url)
    [client_id] = set(re.findall(r" as (\S+) \(.*u'berlin/first'\)", plant.log))
    epochs = {row["event_id"].split("-")[0] for row in counts(ledger)}
    assert not [epoch for epoch in epochs if epoch in client_id], "who reads its counts could take its connection over"
    assert [(row["source"], row["counted"]) for row in counts(ledger)] == [("berlin/first", 0), ("berlin/first", 3), ("berlin/first", None)]
    ledger.close()


def test_what_is_installed_is_for_root_and_the_agents_group_alone(plant: Plant, program: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    folder, root = unpack(plant, tmp_path, "private", "--page-token", str(tmp_path / "token")), tmp_path / "root"
    assert install(folder, root, "--program", str(program)).returncode == 0
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (root / "etc/bintally").iterdir()}
    assert modes == dict.fromkeys(["ca.pem", "page.token", "station.crt", "station.key", "station.toml"], 0o640)
    assert stat.S_IMODE((root / "etc/bintally").stat().st_mode) == 0o750
    assert stat.S_IMODE((folder / "station.key").stat().st_mode) == 0o600
    assert (root / "etc/systemd/system/bintally-agent.service").is_file()


def test_installed_again_nothing_changes_and_a_changed_setting_is_kept_aside(plant: Plant, program: Path, tmp_path: Path) -> None:
    folder, root = unpack(plant, tmp_path, "again"), tmp_path / "root"
    assert install(folder, root, "--program", str(program)).returncode == 0
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert install(folder, root, "--program", str(program)).returncode == 0
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    (root / "etc/bintally/station.toml").write_text("frames = 5\n")
    assert install(folder, root, "--program", str(program)).returncode == 0
    assert (root / "etc/bintally/station.toml.before").read_text() == "frames = 5\n"


def test_another_stations_archive_does_not_replace_a_key_unless_told_to(plant: Plant, program: Path, tmp_path: Path) -> None:
    one, other, root = unpack(plant, tmp_path, "one"), unpack(plant, tmp_path, "other"), tmp_path / "root"
    assert install(one, root, "--program", str(program)).returncode == 0
    refused = install(other, root, "--program", str(program))
    assert refused.returncode == 1
    assert "is there and is another one" in refused.stderr
    key = root / "etc/bintally/station.key"
    assert key.read_bytes() == (one / "station.key").read_bytes()
    assert install(other, root, "--program", str(program), "--replace").returncode == 0
    assert key.read_bytes() == (other / "station.key").read_bytes()


def test_into_an_image_no_program_is_installed_that_would_not_run_there(plant: Plant, tmp_path: Path) -> None:
    folder, root = unpack(plant, tmp_path, "image"), tmp_path / "root"
    done = install(folder, root)
    assert (done.returncode, done.stderr) == (0, "")
    assert "there is no program yet" in done.stdout
    assert not (root / "opt").exists()


def test_half_an_archive_or_a_wrong_option_installs_nothing(plant: Plant, program: Path, tmp_path: Path) -> None:
    folder, root = unpack(plant, tmp_path, "half"), tmp_path / "root"
    for options, code, said in (
        (["--rot"], 2, "unknown option --rot"),
        (["--program"], 2, "--program needs a value"),
        (["--package", "x"], 2, "does not go with --root"),
        (["--program", str(tmp_path / "none")], 2, "is no program"),
    ):
        done = install(folder, root, *options)
        assert done.returncode == code
        assert said in done.stderr
    (folder / "station.crt").unlink()
    done = install(folder, root, "--program", str(program))
    assert done.returncode == 1
    assert "unpack the whole archive" in done.stderr
    assert not (root / "etc").exists()
