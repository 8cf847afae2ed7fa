"""The Amazon Bin Image Dataset's layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from bintally import abid
from bintally.errors import InputError


def test_written_metadata_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    path.write_text(abid.metadata_json(5, {"A1": 3, "B2": 2}, {"RENDERED": {"seed": 1}}))
    assert abid.read_metadata(path) == abid.Metadata(5, frozenset({"A1", "B2"}), listed=5)


def test_a_bin_whose_articles_nobody_knows_is_not_taken_for_one_without_articles(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    path.write_text(abid.metadata_json(4, None, {}))
    assert abid.read_metadata(path) == abid.Metadata(4, frozenset(), listed=None, volume_l=None)
    path.write_text(abid.metadata_json(4, {}, {}))
    assert abid.read_metadata(path) == abid.Metadata(4, frozenset(), listed=0, volume_l=0.0)


def test_volume_and_centres_are_read_where_they_are_known(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    sizes = '"length": {"unit": "IN", "value": 10}, "width": {"unit": "CM", "value": 2.54}, "height": {"unit": "IN", "value": 2}'
    articles = f'{{"A": {{"quantity": 2, {sizes}}}}}'
    path.write_text(f'{{"BIN_FCSKU_DATA": {articles}, "EXPECTED_QUANTITY": 2, "RENDERED": {{"centres": [[0.25, 0.5], [0.5, 1]]}}}}')
    found = abid.read_metadata(path)
    assert found.volume_l == pytest.approx(2 * 20 * 2.54**3 / 1000)
    assert found.centres == ((0.25, 0.5), (0.5, 1.0))


@pytest.mark.parametrize("centres", ["[[0.1, 0.2]]", '[["a", 1], [0, 0]]', "7", "[[1], [2]]"])
def test_centres_that_do_not_fit_the_quantity_are_not_taken(tmp_path: Path, centres: str) -> None:
    path = tmp_path / "1.json"
    path.write_text(f'{{"EXPECTED_QUANTITY": 2, "RENDERED": {{"centres": {centres}}}}}')
    assert abid.read_metadata(path).centres is None


def test_metadata_of_the_real_data_set_is_read(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    path.write_text('{"BIN_FCSKU_DATA": {"B01": {"asin": "B01", "quantity": 2, "weight": {"unit": "pounds"}}}, "EXPECTED_QUANTITY": 2}')
    assert abid.read_metadata(path) == abid.Metadata(2, frozenset({"B01"}), listed=2)


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
