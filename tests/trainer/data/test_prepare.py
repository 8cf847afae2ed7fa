"""Data sets: every file is used or refused with its reason, and what was prepared can be trusted."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from bintally import abid
from bintally.cli import main
from bintally.errors import InputError, UnavailableError, UsageError
from tests.trainer.folders import write_bin, write_bins
from trainer.data.check import MAX_QUANTITY
from trainer.data.prepare import INDEX, REPORT, load, prepare
from trainer.data.scan import scan


def spoil(folder: Path) -> dict[str, str]:
    """Add one file of each kind that must be refused: its name, and a word of the reason."""
    truncated = write_bin(folder, "bad-truncated", 1)
    truncated.write_bytes(truncated.read_bytes()[:-40])
    write_bin(folder, "bad-text", 1).write_text("not a picture")
    write_bin(folder, "bad-empty", 1).write_bytes(b"")
    abid.metadata_path(write_bin(folder, "bad-unlabelled", 1)).unlink()
    metadata = {
        "bad-no-quantity": "{}",
        "bad-negative": '{"EXPECTED_QUANTITY": -1}',
        "bad-word": '{"EXPECTED_QUANTITY": "three"}',
        "bad-half": '{"EXPECTED_QUANTITY": 2.5}',
        "bad-true": '{"EXPECTED_QUANTITY": true}',
        "bad-list": "[3]",
        "bad-json": '{"EXPECTED_QUANTITY": 3',
        "bad-articles": '{"EXPECTED_QUANTITY": 3, "BIN_FCSKU_DATA": ["B1"]}',
    }
    for name, text in metadata.items():
        abid.metadata_path(write_bin(folder, name, 1)).write_text(text)
    (folder / abid.METADATA / "bad-orphan.json").write_text('{"EXPECTED_QUANTITY": 1}')
    (folder / abid.IMAGES / "bad-folder.jpg").mkdir()
    abid.metadata_path(folder / abid.IMAGES / "bad-folder.jpg").write_text('{"EXPECTED_QUANTITY": 1}')
    return {
        "bad-truncated.jpg": "truncated",
        "bad-text.jpg": "not an image",
        "bad-empty.jpg": "empty",
        "bad-unlabelled.jpg": "no metadata file",
        "bad-json.jpg": "not a readable JSON",
        "bad-articles.jpg": "BIN_FCSKU_DATA",
        "bad-orphan.json": "no image",
        "bad-folder.jpg": "folder",
    } | {f"{name}.jpg": "EXPECTED_QUANTITY" for name in ("bad-no-quantity", "bad-negative", "bad-word", "bad-half", "bad-true", "bad-list")}


def test_rendered_bins_are_read_with_their_quantities(rendered: Path) -> None:
    found = scan(rendered)
    truth = {path.stem: json.loads(path.read_text())["EXPECTED_QUANTITY"] for path in (rendered / abid.METADATA).glob("*.json")}
    assert {example.image_id: example.quantity for example in found.examples} == truth
    assert len(truth) == 12
    assert found.refused == ()


def test_every_kind_of_refused_file_is_listed_with_its_reason(tmp_path: Path) -> None:
    write_bins(tmp_path, 8)
    expected = spoil(tmp_path)
    reasons = {Path(entry.file).name: entry.reason for entry in scan(tmp_path).refused}
    assert set(reasons) == set(expected)
    for name, word in expected.items():
        assert word in reasons[name]
        assert Path(name).stem in reasons[name]


def test_nothing_is_dropped_silently(tmp_path: Path) -> None:
    write_bins(tmp_path, 8)
    spoil(tmp_path)
    found = scan(tmp_path)
    files = {path.name for path in (tmp_path / abid.IMAGES).iterdir()} | {"bad-orphan.json"}
    named = [Path(example.image).name for example in found.examples] + [Path(entry.file).name for entry in found.refused]
    assert len(named) == len(set(named))
    assert set(named) == files


@pytest.mark.parametrize("name", ["photo.JPG", "photo.jpeg", "photo.png"])
def test_an_image_with_another_ending_is_not_dropped_silently(tmp_path: Path, name: str) -> None:
    write_bins(tmp_path, 3)
    write_bin(tmp_path, "photo", 2).rename(tmp_path / abid.IMAGES / name)
    found = scan(tmp_path)
    assert name in [Path(path).name for path in (*(e.image for e in found.examples), *(e.file for e in found.refused))]


@pytest.mark.parametrize("nested", ["[" * 100_000, '{"EXPECTED_QUANTITY": ' * 100_000])
def test_a_metadata_file_that_nests_without_end_is_refused_like_any_other(tmp_path: Path, nested: str) -> None:
    write_bins(tmp_path, 3)
    abid.metadata_path(write_bin(tmp_path, "bad", 1)).write_text(nested)
    assert [Path(entry.file).name for entry in scan(tmp_path).refused] == ["bad.jpg"]


def test_images_that_share_an_article_are_of_one_group_and_part(tmp_path: Path) -> None:
    for i in range(12):
        write_bin(tmp_path, f"{i:05}", 1, [f"B{i // 2}"])
    for one, other in zip(*[iter(scan(tmp_path).examples)] * 2, strict=True):
        assert (one.group, one.part) == (other.group, other.part)
        assert one.group == one.image_id


def test_prepare_and_load_give_the_same_data_set(tmp_path: Path, rendered: Path) -> None:
    prepared = prepare(rendered, tmp_path / "out")
    assert load(tmp_path / "out") == prepared == load(rendered) == scan(rendered)
    assert load(tmp_path / "out").digest == prepared.digest


def test_refused_files_survive_preparing(tmp_path: Path) -> None:
    write_bins(tmp_path / "in", 6)
    expected = spoil(tmp_path / "in")
    prepare(tmp_path / "in", tmp_path / "out")
    assert {Path(entry.file).name for entry in load(tmp_path / "out").refused} == set(expected)
    report = json.loads((tmp_path / "out" / REPORT).read_text())
    assert {Path(entry["file"]).name for entry in report["refused"]} == set(expected)
    assert report["images"] == sum(part["images"] for part in report["parts"].values()) == 6


def test_an_image_name_with_commas_quotes_and_spaces_survives_preparing(tmp_path: Path) -> None:
    write_bins(tmp_path / "in", 3)
    write_bin(tmp_path / "in", 'a, "b" ü', 4)
    assert prepare(tmp_path / "in", tmp_path / "out") == load(tmp_path / "out")


def test_the_seed_changes_the_split_and_the_digest_but_no_label(tmp_path: Path) -> None:
    write_bins(tmp_path, 20)
    one, other = scan(tmp_path, 1), scan(tmp_path, 2)
    assert one.digest != other.digest
    assert [(e.image_id, e.quantity) for e in one.examples] == [(e.image_id, e.quantity) for e in other.examples]


def _change_a_label(text: str) -> str:
    lines = text.splitlines(keepends=True)
    fields = lines[1].split(",")
    fields[2] = str(int(fields[2]) + 1)
    return "".join([lines[0], ",".join(fields), *lines[2:]])


@pytest.mark.parametrize(
    "damage",
    [
        _change_a_label,
        lambda _: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace(",train", ",trein"),
        lambda text: text.replace("quantity", "number"),
        lambda text: "".join(text.splitlines(keepends=True)[:-1]),
        lambda text: text.replace(",train,", ",val,", 1),
        lambda text: text + "x\n",
        lambda text: text + "\0",
        lambda text: text + "9" * 200_000,
    ],
    ids=["label", "empty", "half", "part", "column", "row", "moved", "rest", "nul", "endless"],
)
def test_a_damaged_index_is_refused(tmp_path: Path, bins: Path, damage: Callable[[str], str]) -> None:
    prepare(bins, tmp_path)
    index = tmp_path / INDEX
    index.write_text(damage(index.read_text()))
    with pytest.raises(InputError, match="prepare"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b'{"refused": 3}', b"\xff\xfe", b'{"refused": [{"file": "a"}]}'])
def test_a_damaged_report_is_refused(tmp_path: Path, bins: Path, content: bytes) -> None:
    prepare(bins, tmp_path)
    (tmp_path / REPORT).write_bytes(content)
    with pytest.raises(InputError, match=INDEX):
        load(tmp_path)


def test_an_index_without_its_report_is_refused(tmp_path: Path, bins: Path) -> None:
    prepare(bins, tmp_path)
    (tmp_path / REPORT).unlink()
    with pytest.raises(InputError, match="prepare"):
        load(tmp_path)


def test_an_index_with_the_report_of_another_split_is_refused(tmp_path: Path, bins: Path) -> None:
    prepare(bins, tmp_path / "a", 1)
    prepare(bins, tmp_path / "b", 2)
    (tmp_path / "b" / REPORT).replace(tmp_path / "a" / REPORT)
    with pytest.raises(InputError, match="does not match"):
        load(tmp_path / "a")


def test_another_layout_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.jpg"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="bin-images"):
        load(tmp_path)


def test_a_folder_without_any_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / abid.IMAGES).mkdir()
    with pytest.raises(InputError, match=r"no image in it"):
        load(tmp_path)


def test_a_folder_in_which_nothing_can_be_used_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    abid.metadata_path(write_bin(tmp_path, "1", 1)).unlink()
    with pytest.raises(InputError, match=r"nothing in it can be used; the first of 1 reasons: .*no metadata file"):
        load(tmp_path)


def test_a_missing_folder_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        load(tmp_path / "missing")


def test_a_file_where_the_prepared_data_should_go_is_an_error(tmp_path: Path, bins: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UnavailableError, match="cannot make this folder"):
        prepare(bins, tmp_path / "out")


def test_the_command_reports_what_it_prepared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bins(tmp_path / "in", 10)
    expected = spoil(tmp_path / "in")
    assert main(["data", "prepare", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["images"], len(printed["refused"])) == (10, len(expected))
    assert main(["data", "prepare", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"^refused +{len(expected)} files; the first: .*bad-", printed, re.MULTILINE)
    assert re.search(r"^train +8 ", printed, re.MULTILINE)


def test_the_report_tells_classes_sizes_and_labels_that_disagree(tmp_path: Path) -> None:
    write_bins(tmp_path / "in", 30)
    wide = write_bin(tmp_path / "in", "wide", 9)
    cv2.imwrite(str(wide), np.random.default_rng(3).integers(0, 256, (20, 50, 3), np.uint8))
    abid.metadata_path(wide).write_text(abid.metadata_json(9, {"B1": 4, "B2": 4}, {}))
    for i in range(30):
        abid.metadata_path(tmp_path / "in" / abid.IMAGES / f"{i:05}.jpg").write_text(abid.metadata_json(i % 7, {f"B-{i}": i % 7}, {}))
    prepare(tmp_path / "in", tmp_path / "out")
    report = json.loads((tmp_path / "out" / REPORT).read_text())
    assert report["label_disagreements"] == [{"image_id": "wide", "quantity": 9, "listed": 8}]
    assert (report["width_px"], report["height_px"]) == ({"least": 32, "most": 50}, {"least": 20, "most": 32})
    classes = [sum(part["classes"][name] for part in report["parts"].values()) for name in ("0", "1", "2", "3", "4", "5", "6+")]
    assert classes == [5, 5, 4, 4, 4, 4, 5]
    assert (report["layout"], report["leaks"], report["given_split"]) == ("ABID", 0, None)


def test_a_class_without_an_image_is_told_with_its_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(200):
        write_bin(tmp_path / "in", f"{i:05}", i % 4)
    assert main(["data", "prepare", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--json"]) == 0
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 3
    for part, warning in zip(("train", "val", "test"), warnings, strict=True):
        assert f"{part} holds no image of class 4, 5, 6+" in warning


def test_a_group_too_large_for_80_10_10_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(40):
        write_bin(tmp_path / "in", f"{i:05}", i % 7, ["B-everywhere"] if i < 20 else [])
    assert main(["data", "prepare", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    assert "the group of 00000 holds 20 of 40 images" in capsys.readouterr().err


def test_a_quantity_beyond_any_bin_is_refused(tmp_path: Path) -> None:
    write_bins(tmp_path, 3)
    write_bin(tmp_path, "most", MAX_QUANTITY)
    write_bin(tmp_path, "more", MAX_QUANTITY + 1)
    found = scan(tmp_path)
    assert [example.quantity for example in found.examples if example.image_id == "most"] == [MAX_QUANTITY]
    assert [Path(entry.file).name for entry in found.refused] == ["more.jpg"]
    assert "1000 items" in found.refused[0].reason


def test_a_name_that_is_not_utf8_is_refused_and_the_rest_is_prepared(tmp_path: Path) -> None:
    write_bins(tmp_path / "in", 3)
    image = write_bin(tmp_path / "in", "odd", 1)
    odd = image.with_name(os.fsdecode(b"\xff.jpg"))
    try:
        image.rename(odd)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    abid.metadata_path(image).rename(abid.metadata_path(odd))
    prepared = prepare(tmp_path / "in", tmp_path / "out")
    assert [entry.reason.endswith("not in UTF-8; rename it") for entry in prepared.refused] == [True]
    assert load(tmp_path / "out") == prepared


def test_the_digest_of_unchanged_data_is_the_one_that_bundles_quote(tmp_path: Path) -> None:
    """Over ids, quantities and parts alone, as written since the first bundle: changing it would orphan their figures."""
    write_bins(tmp_path, 6)
    found = scan(tmp_path)
    lines = "\n".join(f"{e.image_id},{e.quantity},{e.part}" for e in found.examples)
    assert found.digest == hashlib.sha256(lines.encode()).hexdigest()
    assert found.digest == "5144bbc65364664679b45c2729911d7e5e59df527764f5fc82f48d677bc0f2ce"


def test_the_command_says_in_one_line_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "prepare", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(tmp_path) in error
    assert not (tmp_path / "out").exists()
