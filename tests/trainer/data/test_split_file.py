"""A split made elsewhere: taken as it is, unless it leaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bintally import abid
from bintally.cli import main
from bintally.errors import InputError, UsageError
from tests.trainer.folders import write_bin, write_bins
from trainer.data.prepare import REPORT, load
from trainer.data.scan import Plan, survey
from trainer.data.split_file import read_split

Split = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty-one images 00000 to 00020 with 0 to 6 items in turn, none of which shares an article."""
    return write_bins(tmp_path / "in", 21)


@pytest.fixture
def prepare(tmp_path: Path, folder: Path) -> Split:
    def run(*words: object) -> int:
        return main(["data", "prepare", str(folder), "--out", str(tmp_path / "out"), *map(str, words)])

    return run


def write_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def parts(folder: Path) -> dict[str, str]:
    return {example.image_id: example.part for example in load(folder).examples}


def report(tmp_path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((tmp_path / "out" / REPORT).read_text())
    return facts


def test_the_challenges_lists_are_taken_and_told_where_they_differ(tmp_path: Path, prepare: Split) -> None:
    train = write_json(tmp_path / "train.json", [[0, 1], [1, 2], [2, 9], [900, 3]])
    val = write_json(tmp_path / "val.json", [[9, 3], [901, 0]])
    assert prepare("--split-file", f"train={train}", f"val={val}") == 0
    assert parts(tmp_path / "out") == {"00001": "train", "00002": "train", "00003": "train", "00010": "val"}
    given = report(tmp_path)["given_split"]
    assert given["files"] == [f"train={train}", f"val={val}"]
    assert given["disagreements"] == [{"image_id": "00003", "quantity": 3, "split_file": 9}]
    assert given["without_image"] == 2
    assert given["left_out"] == ["00000", *(f"{i:05}" for i in range(4, 21) if i != 10)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.csv", "image,part\n00001,train\n00002,val\n00003,test\n"),
        ("s.csv", "\ufeffpart,image,note\r\ntrain,00001,a\r\nval,00002,\r\ntest,00003,b\r\n"),
        ("s.json", '{"00001": "train", "00002": "val", "00003": "test"}'),
    ],
    ids=["csv", "spreadsheet", "json"],
)
def test_one_file_may_name_each_images_part(tmp_path: Path, prepare: Split, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert prepare("--split-file", tmp_path / name) == 0
    assert parts(tmp_path / "out") == {"00001": "train", "00002": "val", "00003": "test"}
    assert report(tmp_path)["leaks"] == load(tmp_path / "out").leaks == 0


@pytest.fixture
def leaking(tmp_path: Path, folder: Path) -> Path:
    """A split with two twins and a copy on both sides."""
    write_bin(folder, "00001", 3, ["B-one", "B-shared"])
    write_bin(folder, "00002", 2, ["B-shared", "B-two"])
    (folder / abid.IMAGES / "00010.jpg").write_bytes((folder / abid.IMAGES / "00011.jpg").read_bytes())
    return write_json(tmp_path / "leaking.json", {"00001": "train", "00002": "val", "00010": "test", "00011": "train", "00005": "train"})


def test_a_split_that_leaks_is_refused_with_the_pair(
    tmp_path: Path, folder: Path, prepare: Split, leaking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare("--split-file", leaking) == 1
    error = capsys.readouterr().err
    one, other = (folder / abid.IMAGES / name for name in ("00001.jpg", "00002.jpg"))
    assert f"{one} (train) and {other} (val) share the article B-shared" in error
    assert "2 groups" in error
    assert "--allow-leak" in error
    assert not (tmp_path / "out").exists()


def test_a_copy_in_two_parts_is_refused_with_the_hash_distance(
    folder: Path, prepare: Split, leaking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bin(folder, "00002", 2, ["B-two"])
    assert prepare("--split-file", leaking) == 1
    error = capsys.readouterr().err
    one, other = (folder / abid.IMAGES / name for name in ("00010.jpg", "00011.jpg"))
    assert f"{one} (test) and {other} (train) look alike: their hashes differ in 0 of 64 bits" in error


def test_a_split_that_leaks_is_taken_where_that_is_said_and_the_report_keeps_it(tmp_path: Path, prepare: Split, leaking: Path) -> None:
    assert prepare("--split-file", leaking, "--allow-leak") == 0
    assert parts(tmp_path / "out")["00002"] == "val"
    assert report(tmp_path)["leaks"] == load(tmp_path / "out").leaks == 2
    assert "share the article B-shared" in report(tmp_path)["leak"]


def test_images_that_only_a_left_out_image_connects_do_not_leak(tmp_path: Path, folder: Path) -> None:
    for name, held in (("00001", ["B-1"]), ("00002", ["B-1", "B-2"]), ("00003", ["B-2"])):
        write_bin(folder, name, 2, held)
    given = read_split([str(write_json(tmp_path / "s.json", {"00001": "train", "00003": "test"}))])
    assert survey(folder, Plan(given=given)).data.leaks == 0


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "first line must be image,part"),
        ("image,split\n00001,train\n", "first line must be image,part"),
        ("image,part\n", "names no image"),
        ("image,part\n00001,training\n", "line 2: image '00001' is in 'training'"),
        ("image,part\n00001\n", "line 2: image '00001' is in None"),
        ("image,part\n00001,train\n00001,val\n", "image 00001 is in val, and in train in .*line 2"),
        ("image,part\n" + "9" * 200_000 + ",train\n", "not a readable CSV"),
        ("{}", "names no image"),
        ("{", "not a readable JSON"),
        ('{"a":' * 100_000, "not a readable JSON"),
        ('{"00001": 3}', "image '00001' is in 3"),
        ('{"00001": {"part": "train"}}', "image '00001' is in"),
        ('{"00001": "train", "00001": "val"}', "image 00001 is in val, and in train"),
        ("[[3, 1]]", "a list of labels has no part"),
    ],
)
def test_a_file_that_is_no_split_is_refused(tmp_path: Path, content: str, word: str) -> None:
    (tmp_path / "split").write_text(content)
    with pytest.raises(InputError, match=word):
        read_split([str(tmp_path / "split")])


def test_a_missing_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_split([str(tmp_path / "split.csv")])
    with pytest.raises(InputError, match="no such file"):
        read_split([f"train={tmp_path / 'train.json'}"])


def test_an_image_in_two_lists_is_refused_with_both(tmp_path: Path) -> None:
    one, other = write_json(tmp_path / "a.json", [[4, 1]]), write_json(tmp_path / "b.json", [[4, 1]])
    with pytest.raises(InputError, match=r"b.json: image 00005 is in val, and in train in .*a.json"):
        read_split([f"train={one}", f"val={other}"])


@pytest.mark.parametrize("words", [["train=a", "train=b"], ["train=a", "b"], ["a", "b"], ["train=a", "holdout=b"]])
def test_words_that_do_not_say_which_part_are_wrong_use(words: list[str]) -> None:
    with pytest.raises(UsageError, match="split-file"):
        read_split(words)


def test_a_split_of_other_images_is_refused(tmp_path: Path, prepare: Split, capsys: pytest.CaptureFixture[str]) -> None:
    split = write_json(tmp_path / "s.json", {"a": "train", "b": "val"})
    assert prepare("--split-file", split) == 1
    assert "names none of its 21 images" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--allow-leak"], ["--split-file", "s.json", "--seed", "3"]])
def test_options_that_contradict_are_wrong_use(prepare: Split, words: list[str]) -> None:
    assert prepare(*words) == 2
