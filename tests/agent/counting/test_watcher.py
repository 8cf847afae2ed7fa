"""One bin's eye: the counter runs for frames of the bin at rest only, and what was seen before a restart is not used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agent.counting.watcher import BinWatcher, Finished, WatchRules
from bintally.errors import UsageError
from bintally.frames import Frame
from bintally.scenes import render_scene

RULES = WatchRules(settle_s=0.5, heartbeat_s=60, frames=3, abstain_below=0.6)
BINS = {quantity: render_scene((7, quantity), quantity).frame for quantity in (1, 4)}


class Station:
    """Shows pictures to a watcher at ten a second; its counter knows the rendered bins."""

    def __init__(self, rules: WatchRules = RULES) -> None:
        self.rng = np.random.default_rng(1)
        self.now, self.runs = 100.0, 0
        self.watcher = BinWatcher(self.count, rules, 6)

    def count(self, picture: Frame) -> np.ndarray:
        self.runs += 1
        nearest = min(BINS, key=lambda quantity: float(np.abs(BINS[quantity][::8, ::8].astype(float) - picture[::8, ::8]).mean()))
        row = np.full(7, 0.01, np.float32)
        row[nearest] = 0.94
        return row

    def show(self, quantity: int, seconds: float) -> list[Finished]:
        done = []
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            noise = self.rng.integers(-4, 5, BINS[quantity].shape, np.int16)
            picture = np.clip(BINS[quantity] + noise, 0, 255).astype(np.uint8)
            finished = self.watcher.see(picture, self.now)
            if finished is not None:
                assert finished.picture is picture
                assert finished.at == self.now
                done.append(finished)
        return done


def test_a_bin_is_counted_once_and_idle_runs_no_counter() -> None:
    station = Station()
    [finished] = station.show(4, 5)
    assert (finished.trigger, finished.decision.counted, finished.frames) == ("settled", 4, 3)
    assert finished.probabilities[4] == pytest.approx(0.94)
    assert finished.frame_ms > 0
    assert station.runs == 3
    assert (station.watcher.state, station.watcher.waits_for) == ("at rest", "a change in the bin")


def test_another_bin_between_two_frames_is_counted() -> None:
    station = Station()
    station.show(4, 2)
    assert [done.decision.counted for done in station.show(1, 3)] == [1]


def test_a_command_counts_an_unchanged_bin_once() -> None:
    station = Station()
    station.show(4, 2)
    station.watcher.ask()
    [finished] = station.show(4, 3)
    assert (finished.trigger, finished.decision.counted) == ("command", 4)


def test_the_heart_beats_by_the_newest_rules() -> None:
    station = Station()
    station.show(4, 2)
    station.watcher.change_rules(replace(RULES, heartbeat_s=1.0, frames=1, abstain_below=0.99))
    [finished, *_] = station.show(4, 1.5)
    assert (finished.trigger, finished.frames, finished.decision.unsure) == ("heartbeat", 1, True)


def test_after_a_restart_of_the_camera_nothing_from_before_is_fused() -> None:
    station = Station()
    assert station.show(4, 0.8) == []
    assert station.watcher.state == "counting"
    station.watcher.forget()
    assert station.watcher.state == "starting"
    [finished] = station.show(1, 3)
    assert (finished.decision.counted, finished.frames) == (1, 3)


def test_a_new_counter_begins_the_count_anew() -> None:
    station = Station()
    station.show(4, 0.8)
    calls = []

    def other(picture: Frame) -> np.ndarray:
        calls.append(picture)
        return np.array([0, 0, 0.9, 0.1], np.float32)

    station.watcher.replace_counter(other, 3, 0.5)
    [finished] = station.show(4, 2)
    assert (finished.frames, finished.decision.counted, len(finished.probabilities)) == (3, 2, 4)
    assert len(calls) == 3


def test_a_counter_with_other_classes_than_said_is_refused() -> None:
    station = Station()
    station.watcher.replace_counter(lambda _: np.full(5, 0.2, np.float32), 6, 0.6)
    with pytest.raises(UsageError, match="5 classes, its open class is 6"):
        station.show(4, 2)
