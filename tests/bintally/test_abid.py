"""The Amazon Bin Image Dataset's layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from bintally import abid
from bintally.errors import InputError


def test_written_metadata_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    path.write_text(abid.metadata_json(5, {"A1": 3, "B2": 2}, {"RENDERED": {"seed": 1}}))
    assert abid.read_metadata(path) == abid.Metadata(5, frozenset({"A1", "B2"}))


def test_metadata_of_the_real_data_set_is_read(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    path.write_text('{"BIN_FCSKU_DATA": {"B01": {"asin": "B01", "quantity": 2, "weight": {"unit": "pounds"}}}, "EXPECTED_QUANTITY": 2}')
    assert abid.read_metadata(path) == abid.Metadata(2, frozenset({"B01"}))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "not a readable JSON"),
        (b'{"EXPECTED_QUANTITY": 3', "not a readable JSON"),
        (b"\xff\xfe\x00\x01", "not a readable JSON"),
        (b"[3]", "EXPECTED_QUANTITY is None"),
        (b"{}", "EXPECTED_QUANTITY is None"),
        (b'{"EXPECTED_QUANTITY": "3"}', "EXPECTED_QUANTITY is '3'"),
        (b'{"EXPECTED_QUANTITY": -1}', "EXPECTED_QUANTITY is -1"),
        (b'{"EXPECTED_QUANTITY": 2.5}', "EXPECTED_QUANTITY is 2.5"),
        (b'{"EXPECTED_QUANTITY": true}', "EXPECTED_QUANTITY is True"),
        (b'{"EXPECTED_QUANTITY": 1, "BIN_FCSKU_DATA": ["A"]}', "BIN_FCSKU_DATA"),
    ],
)
def test_unusable_metadata_is_refused_by_name(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "7.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        abid.read_metadata(path)
    assert str(path) in str(refused.value)
    assert fault in str(refused.value)


def test_missing_metadata_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"9\.json: there is no metadata file .* add it or take the image out"):
        abid.read_metadata(tmp_path / "9.json")


def test_images_are_listed_by_name_with_their_metadata(tmp_path: Path) -> None:
    (tmp_path / "bin-images").mkdir()
    for name in ("2.jpg", "1.jpg", ".hidden"):
        (tmp_path / "bin-images" / name).touch()
    paths = abid.image_paths(tmp_path)
    assert [path.name for path in paths] == ["1.jpg", "2.jpg"]
    assert abid.metadata_path(paths[0]) == tmp_path / "metadata" / "1.json"


def test_a_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder bin-images/ in it"):
        abid.image_paths(tmp_path)
    (tmp_path / "bin-images").mkdir()
    with pytest.raises(InputError, match=r"bin-images: no image in it"):
        abid.image_paths(tmp_path)
