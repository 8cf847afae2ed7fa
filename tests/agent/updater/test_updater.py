"""A whole update, with a real repository, over HTTP, into slots, opened in a child process."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from datetime import time as time_of_day
from pathlib import Path

import pytest

from agent.settings import AgentSettings
from agent.updater.clock import parse_window
from agent.updater.fetch import Repository, View
from agent.updater.record import Record
from agent.updater.slots import Slots, sha256_of
from agent.updater.updater import open_updater
from bintally.errors import BintallyError, UnavailableError
from bintally.messages.model import Trial
from bintally.settings import read_settings
from tests.agent.updater.conftest import Fleet
from tests.agent.updater.device import Device
from tests.agent.updater.serving import Fault, Serving
from tests.fakes.bundle import grey, png
from tests.fakes.programs import wait_until


def test_a_desired_bundle_becomes_the_active_one(device: Device, ours: Fleet, real_trial: None) -> None:
    del real_trial
    model = ours.publish("1.0.0")
    with device:
        assert device.opened == device.shipped
        device.running.desire(ours.desire(model, rollout="spring"))
        device.becomes_active(model)
        path = device.running.bundle()
        assert sha256_of(path) == model.digest
        assert (device.now.revision, device.now.wanted, device.now.rollout) == (1, model, "spring")
    phases = list(dict.fromkeys(report.phase for report in device.reports))
    assert phases == ["idle", "waiting", "downloading", "verified", "warming", "shadow", "probation", "active"]
    assert device.start() == path


def test_a_bundle_that_answers_its_golden_inputs_otherwise_fails(device: Device, ours: Fleet) -> None:
    model = ours.publish("1.1.0", golden=[{"png": png(grey(2)), "probabilities": [1.0, 0, 0, 0, 0, 0, 0]}])
    with device:
        device.running.desire(ours.desire(model))
        report = device.reaches("failed")
        assert "differ" in (report.reason or "")
        device.running.desire(ours.desire(model))
        assert "tried here before" in (device.reaches("rejected").reason or "")
        assert device.counts_with_shipped()


def test_a_worse_bundle_is_rolled_back_and_remembered(device: Device, ours: Fleet) -> None:
    first, second = ours.publish("1.0.0"), ours.publish("2.0.0")
    with device:
        device.running.desire(ours.desire(first))
        device.becomes_active(first)
        device.running.desire(ours.desire(second))
        device.reaches("shadow")
        device.running.switched(second.digest)
        device.reaches("probation")
        assert sha256_of(device.running.bundle()) == second.digest
        device.running.probation_done(second.digest, "one count in two is unsure")
        assert device.reaches("rolled_back").reason == "one count in two is unsure"
        assert sha256_of(device.running.bundle()) == first.digest
        device.running.desire(ours.desire(second, retry=True))
        device.reaches("shadow")


def test_a_fault_in_the_shadow_run_is_a_failed_update(device: Device, ours: Fleet) -> None:
    model = ours.publish("1.0.0")
    with device:
        device.running.desire(ours.desire(model))
        device.reaches("shadow")
        device.running.told(model.digest, Trial(frames=3, errors=3))
        wait_until(lambda: any(report.trial is not None for report in device.reports), "the trial is reported")
        device.running.shadow_done(model.digest, "too slow")
        report = device.reaches("failed")
        assert report.trial is not None
        assert device.running.plan().candidate is None


def test_an_agent_that_dies_in_probation_goes_back_by_itself(device: Device, ours: Fleet) -> None:
    model = ours.publish("1.0.0")
    with device:
        device.running.desire(ours.desire(model))
        device.reaches("shadow")
        device.running.switched(model.digest)
        device.reaches("probation")
    died = device.slots.load().model_copy(update={"running": True})
    for opened in (device.slots.path("a"), device.shipped):
        device.slots.save(died)
        assert device.start() == opened
        died = device.slots.load()
        device.stop()
    assert device.slots.load().phase == "rolled_back"


def test_a_bundle_that_is_damaged_on_the_disk_is_never_opened_and_fetched_again(device: Device, ours: Fleet) -> None:
    model = ours.publish("1.0.0")
    with device:
        device.running.desire(ours.desire(model))
        device.becomes_active(model)
        path = device.running.bundle()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert device.start() == device.shipped
    device.becomes_active(model)
    assert sha256_of(device.running.bundle()) == model.digest


def test_a_damaged_record_is_put_aside_and_the_shipped_bundle_counts(device: Device, ours: Fleet) -> None:
    model = ours.publish("1.0.0")
    with device:
        device.running.desire(ours.desire(model))
        device.becomes_active(model)
    (device.slots.folder / "update.json").write_bytes(b"\0" * 100)
    assert device.start() == device.shipped
    assert list(device.slots.folder.glob("update.json.damaged-*"))


def test_a_bundle_that_cannot_be_opened_gives_way(device: Device, ours: Fleet) -> None:
    model = ours.publish("1.0.0")
    with device:
        device.running.desire(ours.desire(model))
        device.becomes_active(model)
        assert device.running.could_not_open(device.running.plan().counts, "this version reads schema 2") == device.shipped


def test_a_bundle_in_probation_that_cannot_be_opened_is_rolled_back(device: Device, ours: Fleet) -> None:
    model = ours.publish("1.0.0")
    with device:
        device.running.desire(ours.desire(model))
        device.reaches("shadow")
        device.running.switched(model.digest)
        device.reaches("probation")
        assert device.running.could_not_open(device.running.plan().counts, "no memory") == device.shipped
        assert device.reaches("rolled_back").reason == "no memory"


def test_what_another_desire_put_in_its_place_meanwhile_is_not_given_up_with_it(device: Device, ours: Fleet) -> None:
    first, second = ours.publish("1.0.0"), ours.publish("2.0.0")
    with device:
        device.running.desire(ours.desire(first))
        device.becomes_active(first)
        device.running.desire(ours.desire(second))
        device.reaches("shadow")
        device.running.switched(second.digest)
        device.reaches("probation")
        tried = device.running.plan().counts
        device.running.desire(ours.desire(first))
        device.reaches("active")
        device.running.could_not_open(tried, "no memory")
        assert sha256_of(device.running.bundle()) == first.digest


def test_a_disk_that_takes_no_record_costs_only_time(device: Device, ours: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    model, full, save = ours.publish("1.0.0"), [True], Slots.save

    def saves(slots: Slots, record: Record) -> None:
        if full[0]:
            raise UnavailableError("update.json: cannot be written (No space left on device)")
        save(slots, record)

    monkeypatch.setattr(Slots, "save", saves)
    with device:
        assert device.opened == device.shipped
        device.running.desire(ours.desire(model))
        device.waits_with("No space left")
        full[0] = False
        device.reaches("shadow")
        full[0] = True
        device.running.switched(model.digest)
        device.waits_with("No space left")
        full[0] = False
        device.reaches("probation")


def test_nothing_is_fetched_until_the_clock_is_set(device: Device, ours: Fleet, server: Serving) -> None:
    model, known = ours.publish("1.0.0"), [False]
    device.conditions["clock"] = lambda: known[0]
    with device:
        device.running.desire(ours.desire(model))
        assert device.waits_with("clock").phase == "waiting"
        assert not server.requests
        known[0] = True
        device.reaches("shadow")


def test_a_bundle_is_only_fetched_in_the_time_window(device: Device, ours: Fleet, server: Serving) -> None:
    model, wall = ours.publish("1.0.0"), [time_of_day(12)]
    device.conditions |= {"window": parse_window("22:00-05:30"), "local": lambda: wall[0]}
    with device:
        device.running.desire(ours.desire(model))
        assert device.waits_with("22:00-05:30").phase == "waiting"
        assert not server.of(model.digest)
        wall[0] = time_of_day(23)
        device.reaches("shadow")


def test_a_desire_that_is_too_late_is_rejected(device: Device, ours: Fleet) -> None:
    model = ours.publish("1.0.0")
    with device:
        device.running.desire(ours.desire(model, expires_at=datetime.now(timezone.utc) - timedelta(minutes=1)))
        assert "begun" in (device.reaches("rejected").reason or "")


def test_a_desire_that_is_taken_back_stops_the_download(device: Device, ours: Fleet, server: Serving) -> None:
    model = ours.publish("1.0.0")
    server.faults.append(Fault(model.digest, slow_s=0.001))
    with device:
        device.running.desire(ours.desire(model))
        wait_until(lambda: any(request.sent > 100 for request in server.of(model.digest)), "the download is under way")
        device.running.desire(b"")
        device.reaches("idle", timeout_s=3)


def test_a_newer_desire_takes_the_place_of_one_in_hand(device: Device, ours: Fleet, server: Serving) -> None:
    first, second = ours.publish("1.0.0"), ours.publish("2.0.0")
    server.faults.append(Fault(first.digest, hang=True))
    with device:
        device.running.desire(ours.desire(first))
        wait_until(lambda: bool(server.of(first.digest)), "the download is under way")
        device.running.desire(ours.desire(second))
        device.becomes_active(second)


def test_the_bundle_before_is_still_in_its_slot_when_the_operator_wants_it_back(device: Device, ours: Fleet, server: Serving) -> None:
    first, second = ours.publish("1.0.0"), ours.publish("2.0.0")
    with device:
        for model in (first, second, first):
            device.running.desire(ours.desire(model))
            device.becomes_active(model)
    assert len(server.of(first.digest)) == 1


def test_an_end_in_the_middle_of_a_download_takes_no_longer_than_a_second(device: Device, ours: Fleet, server: Serving) -> None:
    model = ours.publish("1.0.0")
    server.faults.append(Fault(model.digest, hang=True, times=1))
    with device:
        device.running.desire(ours.desire(model))
        wait_until(lambda: bool(server.of(model.digest)), "the download is under way")
        began = time.monotonic()
        device.stop()
        assert time.monotonic() - began < 1.5
        assert not device.running._thread.is_alive()
    device.start()
    device.becomes_active(model)


def test_no_step_that_breaks_ends_the_thread(device: Device, ours: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    model, broken = ours.publish("1.0.0"), [True]
    look = Repository.look

    def breaks(repository: Repository) -> View:
        if broken[0]:
            raise RuntimeError("a fault of ours")
        return look(repository)

    monkeypatch.setattr("agent.updater.fetch.Repository.look", breaks)
    with device:
        device.running.desire(ours.desire(model))
        device.waits_with("a fault of ours")
        broken[0] = False
        device.reaches("shadow")


def test_a_report_that_nobody_takes_does_not_stop_the_update(device: Device, ours: Fleet) -> None:
    model = ours.publish("1.0.0")
    device.reports = _Refusing()
    with device:
        device.running.desire(ours.desire(model))
        device.reaches("shadow")


class _Refusing(list):  # type: ignore[type-arg]
    def append(self, _: object) -> None:
        raise OSError("no link")


def test_a_full_disk_costs_only_time(device: Device, ours: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    model, free = ours.publish("1.0.0"), [1 << 20]
    monkeypatch.setattr("agent.updater.fetch.disk_free_bytes", lambda _: free[0])
    with device:
        device.running.desire(ours.desire(model))
        assert device.waits_with("MiB are free").phase == "waiting"
        free[0] = 1 << 40
        device.reaches("shadow")


def test_what_the_settings_ask_for_is_opened(tmp_path: Path, ours: Fleet, bundle: Path) -> None:
    def opened(**settings: object) -> object:
        return open_updater(
            read_settings(AgentSettings, {"source": "0", "bundle": bundle, **settings}), tmp_path, "a/b", "0" * 22, lambda _: None
        )

    root, other = ours.path / "metadata" / "1.root.json", ours.path / "metadata" / "1.targets.json"
    assert opened() is None
    assert opened(updates="https://updates.example", updates_root=root) is not None
    for settings, told in (
        ({}, "updates_root"),
        ({"updates_root": tmp_path / "none"}, "cannot be read"),
        ({"updates_root": other}, "no root metadata"),
        ({"updates_root": bundle}, "no root metadata"),
        ({"updates_root": root, "updates": "ftp://x"}, "no address"),
        ({"updates_root": root, "updates_window": "25:00-01:00"}, "no time window"),
    ):
        with pytest.raises(BintallyError, match=told):
            opened(**{"updates": "https://updates.example", **settings})
