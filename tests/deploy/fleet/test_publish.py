"""What is published, as python-tuf's own client sees it."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from tuf.api.exceptions import ExpiredMetadataError

from bintally.errors import InputError, UnavailableError, UsageError
from bintally.updates import TargetFacts
from tests.deploy.fleet.conftest import Bundles, Fleet

GREY = "grey-counter/1.0.0-cpu.onnx"


def test_a_station_fetches_the_bundle_that_was_published(ours: Fleet, bundle: Bundles) -> None:
    path = bundle()
    assert ours("publish", path, "--agent", "0.3.0") == 0
    station = ours.station()
    assert station.fetch(GREY) == path.read_bytes()
    info = station.info(GREY)
    assert info is not None
    assert info.hashes == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    facts = TargetFacts.model_validate(info.custom)
    assert facts == TargetFacts(name="grey-counter", version="1.0.0", device="cpu", agent="0.3.0", height=32, width=32, classes=7)


def test_the_same_station_sees_what_is_published_later(ours: Fleet, bundle: Bundles) -> None:
    station = ours.station()
    assert station.info(GREY) is None
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        path = bundle(version)
        ours("publish", path)
        assert station.fetch(f"grey-counter/{version}-cpu.onnx") == path.read_bytes()
    assert station.fetch(GREY) == bundle("1.0.0").read_bytes(), "an older bundle can be gone back to"


def test_several_bundles_of_several_models_are_published_at_once(ours: Fleet, bundle: Bundles) -> None:
    paths = [bundle("1.0.0"), bundle("1.0.0", target="arm"), bundle("3.0.0", name="other")]
    ours("publish", *paths)
    names = [GREY, "grey-counter/1.0.0-arm.onnx", "other/3.0.0-cpu.onnx"]
    assert [ours.station().fetch(name) for name in names] == [path.read_bytes() for path in paths]
    assert {path.name for path in (ours.path / "metadata").iterdir()} >= {
        "2.targets.json",
        "1.grey-counter.json",
        "1.other.json",
        "2.snapshot.json",
    }


def test_a_model_that_is_known_needs_only_its_own_role(ours: Fleet, bundle: Bundles) -> None:
    ours("publish", bundle())
    ours("publish", bundle("1.1.0"))
    assert not (ours.path / "metadata" / "3.targets.json").exists()
    assert (ours.path / "metadata" / "2.grey-counter.json").exists()


def test_publishing_again_changes_nothing(ours: Fleet, bundle: Bundles, capsys: pytest.CaptureFixture[str]) -> None:
    ours("publish", bundle())
    before = sorted((ours.path / "metadata").iterdir())
    assert ours("publish", bundle()) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert sorted((ours.path / "metadata").iterdir()) == before


def test_a_bundle_whose_file_was_lost_comes_back_by_publishing_it_again(ours: Fleet, bundle: Bundles) -> None:
    path = bundle()
    ours("publish", path)
    (file,) = (ours.path / "targets").rglob("*.onnx")
    file.unlink()
    ours("publish", path)
    assert ours.station().fetch(GREY) == path.read_bytes()


def test_a_published_name_stays_what_it_was(ours: Fleet, bundle: Bundles) -> None:
    ours("publish", bundle())
    with pytest.raises(InputError, match=r"grey-counter/1.0.0-cpu.onnx: was published with other content.*new version"):
        ours("publish", bundle(licence="other"))
    assert ours.station().fetch(GREY) == bundle().read_bytes()
    assert ours("publish", bundle("1.0.1")) == 0, "nothing waits after a refusal"


def test_two_bundles_of_one_name_are_refused(ours: Fleet, bundle: Bundles) -> None:
    with pytest.raises(UsageError, match=r"another bundle given here is grey-counter/1.0.0-cpu.onnx"):
        ours("publish", bundle(), bundle(licence="other"))


def test_a_model_with_its_own_keys_can_sign_nothing_else(ours: Fleet, bundle: Bundles) -> None:
    """What its key signs under another model's name is not found: the delegation ends at its folder."""
    ours("publish", bundle(), "--own-keys", "1")
    ours("publish", bundle(name="other"))
    ours.take_away("targets-1", "targets-2")
    assert ours("publish", bundle("1.1.0")) == 0
    assert ours.station().info("grey-counter/1.1.0-cpu.onnx") is not None
    ours("publish", bundle("2.0.0", name="other"))
    assert ours.station().info("other/2.0.0-cpu.onnx") is None, "waits for the keys of targets"


def test_stations_refuse_what_was_not_renewed_and_take_it_again_after(ours: Fleet, bundle: Bundles) -> None:
    ours("publish", bundle())
    station = ours.station()
    ours.clock.forward(days=1, hours=1)
    with pytest.raises(ExpiredMetadataError, match="timestamp"):
        station.look()
    assert ours("renew") == 0
    station.look()


def test_a_timer_keeps_a_repository_alive_until_targets_expire(bare: Fleet, bundle: Bundles, capsys: pytest.CaptureFixture[str]) -> None:
    bare("init", "--expires", "timestamp=9", "snapshot=36")
    bare("publish", bundle())
    bare.take_away("root-1", "root-2", "root-3", "targets-1", "targets-2", "desired-1")
    station = bare.station()
    for day in range(8, 89, 8):
        bare.clock.forward(days=8)
        assert bare("renew") == 0
        station.look()
        told = capsys.readouterr().err
        assert ("targets expires in" in told) == (day > 60), day
        assert "root expires" not in told
    assert {path.name for path in (bare.path / "metadata").glob("*.snapshot.json")} == {
        f"{version}.snapshot.json" for version in range(1, 6)
    }
    bare.clock.forward(days=8)
    assert bare("renew") == 1
    told = capsys.readouterr().err
    assert "targets expired" in told
    assert f"run: bintally fleet renew {bare.path} targets" in told
    with pytest.raises(ExpiredMetadataError, match="targets"):
        station.look()


def test_an_offline_role_is_renewed_by_its_name(ours: Fleet, bundle: Bundles) -> None:
    ours("publish", bundle())
    ours.clock.forward(days=100)
    assert ours("renew") == 1
    assert ours("renew", "targets", "grey-counter") == 0
    assert ours.station().fetch(GREY) == bundle().read_bytes()
    with pytest.raises(UsageError, match="snapshot: is renewed without being named"):
        ours("renew", "snapshot")


def test_periods_are_chosen_at_the_beginning_and_kept(bare: Fleet) -> None:
    bare("init", "--expires", "timestamp=3", "targets=10")
    station = bare.station()
    for _ in range(3):
        bare.clock.forward(days=2, hours=23)
        station.look()
        bare("renew")
    bare.clock.forward(days=2)
    assert bare("renew") == 1, "targets were given ten days"


def test_list_tells_programs_what_is_there(ours: Fleet, bundle: Bundles, capsys: pytest.CaptureFixture[str]) -> None:
    path = bundle()
    ours("publish", path)
    capsys.readouterr()
    assert ours("list", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["targets"] == [
        {
            "path": GREY,
            "role": "grey-counter",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size_bytes": path.stat().st_size,
            "facts": {
                "schema": 1,
                "name": "grey-counter",
                "version": "1.0.0",
                "device": "cpu",
                "agent": "0.1.0",
                "height": 32,
                "width": 32,
                "classes": 7,
            },
        }
    ]
    roles = {role["role"]: role for role in told["roles"]}
    assert list(roles) == ["root", "targets", "grey-counter", "snapshot", "timestamp"]
    assert (roles["root"]["threshold"], len(roles["root"]["keys"])) == (2, 3)
    assert roles["timestamp"]["expires"] == (ours.clock.now + timedelta(days=1)).isoformat()
    assert {role["standing"] for role in roles.values()} == {"good"}
    assert len(told["desired_keys"]) == 1
    assert told["waiting"] is None


def test_list_needs_no_keys_and_warns_of_what_expires(ours: Fleet, bundle: Bundles, capsys: pytest.CaptureFixture[str]) -> None:
    ours("publish", bundle())
    ours.keys.rename(ours.folder / "gone")
    ours.clock.forward(hours=20)
    capsys.readouterr()
    assert ours("list") == 0
    told = capsys.readouterr().out
    assert GREY in told
    assert f"warning: timestamp expires in 4 h; run: bintally fleet renew {ours.path}" in told


def test_only_one_command_works_at_a_time(ours: Fleet, bundle: Bundles, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.fleet.repository.folder import Folder

    monkeypatch.setattr("deploy.fleet.repository.folder._PATIENCE_S", 0.1)
    with Folder(ours.path).locked(), pytest.raises(UnavailableError, match="another command is at work"):
        ours("publish", bundle())
    assert ours("publish", bundle()) == 0
