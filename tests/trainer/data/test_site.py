"""A site's own folder: the folder's name is the label, and nothing without a count slips in."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bintally import abid
from bintally.cli import main
from bintally.errors import InputError, UsageError
from tests.trainer.folders import write_bins
from trainer.data.prepare import load, prepare
from trainer.data.scan import scan
from trainer.data.site import GROUPS


def write_photograph(folder: Path, name: str) -> Path:
    """One picture that depends on its name alone."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(list(name.encode())).integers(0, 256, (6, 6, 3), np.uint8)
    encoded = cv2.imencode(".png", cv2.resize(coarse, (32, 32), interpolation=cv2.INTER_CUBIC))[1]
    path.write_bytes(encoded.tobytes())
    return path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Forty-two photographs of 0 to 6 items; each count has photographs of the same names."""
    for count in range(7):
        for number in range(6):
            write_photograph(tmp_path / "site", f"{count}/cam1-{number:04}.png")
    return tmp_path / "site"


def test_the_folder_is_the_label_and_ids_are_unique(site: Path) -> None:
    found = scan(site)
    assert {example.image_id: example.quantity for example in found.examples} == {
        f"{count}/cam1-{number:04}": count for count in range(7) for number in range(6)
    }
    assert found.refused == ()
    assert {example.part for example in found.examples} == {"train", "val", "test"}


def test_what_was_prepared_can_be_loaded(site: Path, tmp_path: Path) -> None:
    assert prepare(site, tmp_path / "out") == load(tmp_path / "out") == load(site)


@pytest.mark.parametrize("name", ["three", "-1", "2.5", "1e1", "3 items", "²", "٣", "+3"])
def test_a_folder_that_is_no_count_is_refused_with_its_files(site: Path, name: str) -> None:
    write_photograph(site, f"{name}/a.png")
    write_photograph(site, f"{name}/b.png")
    (refused,) = scan(site).refused
    assert refused.file == str(site / name)
    assert "is no count" in refused.reason
    assert "2 files" in refused.reason


@pytest.mark.parametrize("name", ["1000", "20261121", "9" * 200])
def test_a_date_or_another_number_beyond_any_bin_is_no_count(site: Path, name: str) -> None:
    write_photograph(site, f"{name}/a.png")
    (refused,) = scan(site).refused
    assert f"labelled with {name} items" in refused.reason


def test_a_count_with_leading_zeros_is_that_count(site: Path) -> None:
    write_photograph(site, "012/a.png")
    assert [example.quantity for example in scan(site).examples if example.image_id == "012/a"] == [12]


def test_what_is_no_photograph_is_refused_with_its_reason(site: Path) -> None:
    write_photograph(site, "loose.png")
    (site / "3/notes.txt").write_text("three boxes")
    (site / "3/inner").mkdir()
    write_photograph(site, "3/cam1-0002.jpg")
    (site / ".DS_Store").write_text("")
    (site / "3/.DS_Store").write_text("")
    reasons = {Path(entry.file).relative_to(site).as_posix(): entry.reason for entry in scan(site).refused}
    assert set(reasons) == {"loose.png", "3/notes.txt", "3/inner", "3/cam1-0002.png"}
    assert "stands beside the folders of counts" in reasons["loose.png"]
    assert "not an image" in reasons["3/notes.txt"]
    assert "folder" in reasons["3/inner"]
    assert "same id" in reasons["3/cam1-0002.png"]


def test_the_same_photograph_under_two_counts_stays_in_one_part(site: Path) -> None:
    (site / "5/again.png").write_bytes((site / "2/cam1-0001.png").read_bytes())
    for seed in range(8):
        parts = {example.image_id: example.part for example in scan(site, seed).examples}
        assert parts["5/again"] == parts["2/cam1-0001"]


def test_images_of_one_event_stay_in_one_part(site: Path) -> None:
    (site / GROUPS).write_text("image,group\n2/cam1-0001.png,bin 7 at noon\n3/cam1-0001.png,bin 7 at noon\n4/cam1-0002.png,bin 9\n")
    for seed in range(8):
        found = {example.image_id: example for example in scan(site, seed).examples}
        assert found["2/cam1-0001"].part == found["3/cam1-0001"].part
        assert found["2/cam1-0001"].group == found["3/cam1-0001"].group != found["4/cam1-0002"].group


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "first line must be image,group"),
        (b"image;group\n2/cam1-0001.png;a\n", "first line must be image,group"),
        (b"image,group\n2/cam1-9999.png,a\n", "line 2: there is no image 2/cam1-9999.png"),
        (b"image,group\n2/cam1-0001.png\n", "line 2: the image or the group is missing"),
        (b"image,group\n2/cam1-0001.png,\n", "line 2: the image or the group is missing"),
        (b"image,group\n2/cam1-0001.png,a\n2/cam1-0001.png,b\n", "line 3: 2/cam1-0001.png is of group 'a' already"),
        (b"image,group\n\xff\xfe,a\n", "not a readable CSV"),
        (b"image,group\n" + b"9" * 200_000 + b",a\n", "not a readable CSV"),
    ],
)
def test_groups_that_say_nothing_sure_are_an_error_rather_than_a_leak(site: Path, content: bytes, word: str) -> None:
    (site / GROUPS).write_bytes(content)
    with pytest.raises(InputError, match=word):
        scan(site)


def test_groups_as_a_spreadsheet_writes_them_are_read(site: Path) -> None:
    (site / GROUPS).write_bytes(b"\xef\xbb\xbfimage,group,by\r\n2/cam1-0001.png,a,Ann\r\n3/cam1-0001.png,a,Ann\r\n")
    found = {example.image_id: example.group for example in scan(site).examples}
    assert found["2/cam1-0001"] == found["3/cam1-0001"]


def test_two_layouts_in_one_folder_are_refused(site: Path) -> None:
    write_bins(site, 2)
    with pytest.raises(InputError, match="give each a folder of its own"):
        scan(site)


def test_count_folders_without_any_image_are_refused(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    with pytest.raises(InputError, match="no image in its folders 3/"):
        scan(tmp_path)


def test_folders_that_are_all_no_counts_are_refused(tmp_path: Path) -> None:
    write_photograph(tmp_path, "three/a.png")
    with pytest.raises(InputError, match=rf"neither {abid.IMAGES}.* nor <count>/<image>.jpg"):
        scan(tmp_path)


def test_a_missing_folder_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        scan(tmp_path / "missing")


def test_the_command_takes_a_site_as_it_takes_abid(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_photograph(site, "seven/a.png")
    assert main(["data", "prepare", str(site), "--out", str(tmp_path / "out")]) == 0
    assert "refused               1 files; the first:" in capsys.readouterr().out
    assert len(load(tmp_path / "out").examples) == 42


def test_a_site_that_does_not_say_what_belongs_together_is_warned_of_leaks(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["data", "prepare", str(site), "--out", str(tmp_path / "out"), "--json"]
    assert main(command) == 0
    assert "groups.csv is missing or empty" in capsys.readouterr().err
    (site / GROUPS).write_text("image,group\n2/cam1-0001.png,a\n3/cam1-0001.png,a\n")
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "groups.csv" not in printed.err
    assert json.loads(printed.out)["in_events"] == 2
