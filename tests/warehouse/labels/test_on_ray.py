"""Labelling on a local Ray cluster of two workers, whole and killed. Starting and ending it takes most of the time, so this is for the long run."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bintally.errors import InputError, UnavailableError
from tests.warehouse.labels.samples import CART, FLAG, job, one_by_one
from tests.warehouse.labels.test_label import SAMPLES, contents
from warehouse.labels.job import Job, sheet_of
from warehouse.labels.label import label
from warehouse.labels.on_ray import on_ray
from warehouse.labels.workers import Done

pytest.importorskip("ray")


def run(folder: Path, of: Job, on_cluster: bool = True, address: str = "local") -> None:
    def compute(numbers: Sequence[int], stop: threading.Event) -> Iterator[Done]:
        return on_ray(of, numbers, address, 2, stop) if on_cluster else one_by_one(of, numbers, stop)

    assert label(folder, sheet_of(of, CART), compute, threading.Event(), lambda _: None)


@pytest.mark.long
def test_a_cluster_writes_the_same_to_the_bit(tmp_path: Path) -> None:
    of = job("cart", f"{SAMPLES}:weight_s", lists=60)
    run(tmp_path / "ray", of)
    run(tmp_path / "here", of, on_cluster=False)
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")


@pytest.mark.long
def test_a_cluster_that_goes_away_is_told_and_the_same_call_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    monkeypatch.setenv(FLAG, str(flag))
    of, folder = job(f"{SAMPLES}:deadly_to_ray_s", lists=60, shard=2), tmp_path / "labels"
    with pytest.raises(UnavailableError, match=r"Ray cluster local: .*shards done so far are kept.*same command again"):
        run(folder, of)
    flag.unlink()
    run(folder, of, on_cluster=False)
    run(tmp_path / "here", of, on_cluster=False)
    assert contents(folder) == contents(tmp_path / "here")


@pytest.mark.long
def test_a_function_that_fails_on_the_cluster_is_told_with_the_lists_number(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"list \d+: .*four is too many"):
        run(tmp_path, job(f"{SAMPLES}:failing_m"))


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"Ray cluster 127.0.0.1:1: .*Connection refused.*call the same command again"):
        run(tmp_path, job(), address="127.0.0.1:1")
