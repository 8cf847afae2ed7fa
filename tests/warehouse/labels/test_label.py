"""Folders that are begun, gone on with after a kill, and refused; the workers; and the command line."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from bintally.cli import main
from bintally.errors import InputError, UnavailableError, UsageError
from bintally.labels import SHEET, read_shards, read_sheet
from bintally.layouts import Cart
from tests.fakes.programs import BINTALLY, Start, wait_until
from tests.warehouse.command import code
from tests.warehouse.labels.samples import CART, FLAG, HALL_FILE, job, one_by_one
from warehouse.labels.job import Job, sheet_of
from warehouse.labels.label import label
from warehouse.labels.workers import Done, on_this_machine

SAMPLES = "tests.warehouse.labels.samples"


def run(
    folder: Path, of: Job, compute: Callable[[Job, Sequence[int], threading.Event], Iterator[Done]] = one_by_one, cart: Cart | None = CART
) -> list[int]:
    """Label to the end; the numbers that were shown."""
    shown: list[int] = []
    assert label(folder, sheet_of(of, cart), lambda numbers, stop: compute(of, numbers, stop), threading.Event(), shown.append)
    return shown


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The folder of an uninterrupted run."""
    run(tmp_path / "whole", job())
    return tmp_path / "whole"


def test_a_folder_holds_its_sheet_and_all_lists(whole: Path) -> None:
    assert sorted(contents(whole)) == [SHEET, *(f"lists-0000{number}.parquet" for number in range(4))]
    sheet, found = read_sheet(whole), read_shards(whole)
    assert (sheet.lists, sheet.shard, sheet.seed, sheet.most_picks, sheet.cart) == (40, 10, 3, 6, CART)
    assert list(sheet.labels) == ["plain_m"]
    assert sheet.settings["kinds"] == "uniform skewed clustered"
    assert sheet.settings["places"].startswith("400:")
    assert len(found) == 40
    assert np.array_equal(found.labels["plain_m"], job().labelled(0, 40).labels["plain_m"])


def test_what_is_there_is_not_computed_again(whole: Path) -> None:
    before = contents(whole)
    (whole / "lists-00002.parquet").unlink()
    asked: list[int] = []

    def noted(of: Job, numbers: Sequence[int], stop: threading.Event) -> Iterator[Done]:
        asked.extend(numbers)
        return one_by_one(of, numbers, stop)

    assert run(whole, job(), noted) == [30, 40]
    assert asked == [2]
    assert contents(whole) == before


def test_a_stopped_labelling_says_that_it_is_not_done(tmp_path: Path) -> None:
    stop = threading.Event()

    def show(done: int) -> None:
        if done == 20:
            stop.set()

    of = job()
    assert not label(tmp_path, sheet_of(of, CART), lambda numbers, stop: one_by_one(of, numbers, stop), stop, show)
    assert sorted(contents(tmp_path)) == [SHEET, "lists-00000.parquet", "lists-00001.parquet"]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (job(seed=4), "seed: 3, now 4"),
        (job(lists=50), "lists: 40, now 50"),
        (job(most_picks=7), "most_picks: 6, now 7"),
        (job("s-shape"), "labels: .* now .*s_shape_m"),
    ],
)
def test_a_folder_with_another_sheet_is_left_alone(whole: Path, other: Job, told: str) -> None:
    before = contents(whole)
    with pytest.raises(UsageError, match=f"other settings .*{told}"):
        run(whole, other)
    assert contents(whole) == before


def test_shards_without_a_sheet_are_left_alone(whole: Path) -> None:
    (whole / SHEET).unlink()
    with pytest.raises(UsageError, match="shards without their"):
        run(whole, job())


def test_a_folder_that_another_process_labels_is_left_to_it(tmp_path: Path) -> None:
    def nested(of: Job, numbers: Sequence[int], stop: threading.Event) -> Iterator[Done]:
        with pytest.raises(UnavailableError, match="another process labels into it"):
            run(tmp_path, of)
        return one_by_one(of, numbers, stop)

    run(tmp_path, job(), nested)


def test_what_a_killed_process_was_writing_is_tidied_away(whole: Path) -> None:
    before = contents(whole)
    (whole / ".lists-00002.parquet.x1.part").write_bytes(b"half")
    run(whole, job())
    assert contents(whole) == before


def test_a_full_disk_keeps_what_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        if path.name == "lists-00002.parquet":
            raise UnavailableError(f"{path}: cannot be written (No space left on device)")
        path.write_bytes(data)

    monkeypatch.setattr(
        "warehouse.labels.label.write_atomically", lambda path, data: full(path, data.encode() if isinstance(data, str) else data)
    )
    with pytest.raises(UnavailableError, match="No space left"):
        run(tmp_path, job())
    assert len(read_shards(tmp_path)) == 20


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot make this folder"):
        run(tmp_path / "file" / "labels", job())


def workers(of: Job, numbers: Sequence[int], stop: threading.Event) -> Iterator[Done]:
    return on_this_machine(of, numbers, 2, stop)


def one_worker(of: Job, numbers: Sequence[int], stop: threading.Event) -> Iterator[Done]:
    return on_this_machine(of, numbers, 1, stop)


def test_workers_write_the_same_to_the_bit(tmp_path: Path, whole: Path) -> None:
    run(tmp_path / "two", job(), workers)
    assert contents(tmp_path / "two") == contents(whole)


def test_a_dead_worker_is_told_and_the_same_call_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flag = tmp_path / "flag"
    monkeypatch.setenv(FLAG, str(flag))
    of, folder = job(f"{SAMPLES}:deadly_s"), tmp_path / "labels"
    flag.touch()
    with pytest.raises(UnavailableError, match=r"a worker died.*call the same command again"):
        run(folder, of, workers)
    flag.unlink()
    run(folder, of)
    run(tmp_path / "whole", of)
    assert contents(folder) == contents(tmp_path / "whole")


def test_a_function_that_fails_in_a_worker_is_told_with_the_lists_number(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"list \d+: .*four is too many"):
        run(tmp_path, job(f"{SAMPLES}:failing_m"), one_worker)


def options(folder: Path, lists: int) -> tuple[str, ...]:
    return ("--layout", str(HALL_FILE), "--lists", str(lists), "--shard", "10", "--out", str(folder), "--function", "s-shape")


def alive(pid: int) -> bool:
    """Whether a process runs, and has not ended without being waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()]


def test_a_labelling_killed_in_the_middle_goes_on_to_the_same_bytes_and_leaves_no_worker(tmp_path: Path, start: Start) -> None:
    killed = start(*BINTALLY, "pick", "label", *options(tmp_path / "killed", 1000), "--workers", "2")
    wait_until(lambda: len(list(tmp_path.glob("killed/*.parquet"))) >= 2, "two shards are there")
    processes = children(killed.pid)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    there = len(list(tmp_path.glob("killed/*.parquet")))
    assert there < 100
    wait_until(lambda: not any(alive(pid) for pid in processes), "the workers have ended, too")
    assert main(["pick", "label", *options(tmp_path / "killed", 1000), "--workers", "1"]) == 0
    run(tmp_path / "whole", job("s-shape", lists=1000, most_picks=50, seed=0), cart=None)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_ctrl_c_ends_in_order_and_says_how_to_go_on(tmp_path: Path, start: Start) -> None:
    program = start(*BINTALLY, "pick", "label", *options(tmp_path, 100_000), "--workers", "1")
    wait_until(lambda: any(tmp_path.glob("*.parquet")), "a shard is there")
    program.signal(signal.SIGINT)
    assert program.wait() == 130
    assert "the same command goes on" in program.line()
    assert "Traceback" not in program.stderr
    assert "of 100,000 lists" in program.stderr
    assert len(read_shards(tmp_path)) >= 10


def test_the_command_line_labels_with_the_cart_it_is_given(tmp_path: Path) -> None:
    few = ("--layout", str(HALL_FILE), "--lists", "4", "--out", str(tmp_path), "--most-picks", "3", "--kinds", "skewed")
    assert code("pick", "label", *few, "--hands", "unlimited", "--push-speed", "1", "--workers", "1") == 0
    sheet, found = read_sheet(tmp_path), read_shards(tmp_path)
    assert sheet.cart is not None
    assert (sheet.cart.hands, sheet.cart.push_m_s) == (None, 1.0)
    assert list(sheet.labels) == ["plain_m", "cart_s", "along_s", "cart_proven"]
    assert found.kind_names == ("skewed",)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("--function", "chart"), "no function 'chart'.*did you mean 'cart'"),
        (("--kinds", "round"), "no kind 'round'"),
        (("--most-picks", "401"), "the layout has 400"),
        (("--push-speed", "3"), "never the faster one"),
        (("--function", "plain", "--hands", "2"), "nothing is labelled with it"),
        (("--lists", "0"), "'0' is not a whole number of at least 1"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...], told: str
) -> None:
    assert code("pick", "label", "--layout", str(HALL_FILE), "--lists", "4", "--out", str(tmp_path / "labels"), *wrong) != 0
    assert re.search(told, capsys.readouterr().err)
    assert not (tmp_path / "labels").exists()
