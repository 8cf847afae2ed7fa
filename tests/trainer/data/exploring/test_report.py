"""``bintally data explore``: one page that opens offline, and bad input that is told before anything is lost."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bintally import abid
from bintally.cli import main
from bintally.errors import InputError, UnavailableError, UsageError
from bintally.frames import decode_frame
from tests.trainer.folders import SIDE, write_bin, write_bins, write_colour_bundle
from trainer.data.exploring.looks import look_at
from trainer.data.exploring.report import explore, render
from trainer.data.exploring.statistics import find
from trainer.data.exploring.summary import summary
from trainer.data.prepare import load, prepare
from trainer.data.split import Part


class Page(HTMLParser):
    """What a browser would open: the tags with their attributes, and whether all are closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def sources(self) -> list[str]:
        return [attributes["src"] or "" for _, attributes in self.tags if "src" in attributes]


def fill(folder: Path) -> Path:
    """Bins of every class, many in twos that share an article, one whose item list disagrees, and one refused file."""
    for i in range(28):
        articles = [f"B{i // 2}", *(f"C{i}-{k}" for k in range(i % 7 - 1))] if i % 7 else []
        write_bin(folder, f"{i:05}", i % 7, articles)
    abid.metadata_path(write_bin(folder, "00099", 3)).write_text(abid.metadata_json(3, {"X": 1}, {}))
    write_bin(folder, "00100", 3).write_bytes(b"")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "in")


@dataclass(frozen=True)
class Explored:
    found: dict[str, Any]
    path: Path
    page: Page
    words: str


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Explored:
    """The folder explored with a list and a model; only read."""
    base = tmp_path_factory.mktemp("explored")
    (base / "list.json").write_text(json.dumps({"4": ["x/00003.json", "x/00004.json"], "1": ["x/99999.json"]}))
    bundle = write_colour_bundle(base / "b.onnx", np.random.default_rng(5).normal(0, 0.05, (3, 7)))
    found = explore(fill(base / "in"), base / "r.html", base / "list.json", str(bundle))
    page = Page(base / "r.html")
    return Explored(found, base / "r.html", page, " ".join(page.words.split()))


def test_the_page_needs_nothing_from_outside(explored: Explored) -> None:
    page = explored.page
    assert page.open == []
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    links = [
        value or "" for _, attributes in page.tags for name, value in attributes.items() if name in ("href", "xlink:href", "src", "srcset")
    ]
    assert all(link.startswith(("#", "data:image/")) for link in links)
    anchors = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert not re.search(r"url\((?!#)|@import", explored.path.read_text())
    assert sum(tag == "svg" for tag, _ in page.tags) == 6
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_picture_of_the_page_can_be_decoded(explored: Explored) -> None:
    jpegs = [source.partition(",")[2] for source in explored.page.sources() if "jpeg" in source]
    assert len(jpegs) > 28
    shapes = {decode_frame(base64.b64decode(jpeg), "thumbnail").shape for jpeg in jpegs}
    assert shapes == {(SIDE, SIDE, 3)}


def test_what_was_found_stands_on_the_page(explored: Explored) -> None:
    found = explored.found
    assert (found["images"], found["parts"]["all"]["classes"]["3"]) == (29, 5)
    assert [entry["image_id"] for entry in found["labels"]["miscounted"]] == ["00099"]
    assert "label 3, list 1" in explored.words
    assert found["twins"]["pairs"] == 10
    assert "the file is empty" in explored.words
    assert found["list"]["absent"] == {"images": 1, "first": ("99999",)}
    assert "list: 4, folder: 3" in explored.words


def test_the_models_doubts_are_ranked_and_shown(explored: Explored) -> None:
    model = explored.found["labels"]["model"]
    ranked = [entry["probability"] for entry in model["first"]]
    assert len(ranked) == model["images"] == 29
    assert ranked == sorted(ranked)
    assert f"agrees with {model['agrees']} of 29 labels" in explored.words


def test_a_prepared_folder_gives_the_same_page_as_its_source(tmp_path: Path, folder: Path) -> None:
    prepare(folder, tmp_path / "prepared")
    assert explore(tmp_path / "prepared", tmp_path / "a.html") == explore(folder, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_names_of_files_are_text_and_never_markup(tmp_path: Path) -> None:
    write_bins(tmp_path / "in", 7)
    write_bin(tmp_path / "in", "<img src=x onerror=alert(1)>&amp;", 2)
    write_bin(tmp_path / "in", "<script>alert(1)<", 2).write_bytes(b"")
    explore(tmp_path / "in", tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert "script" not in {tag for tag, _ in page.tags}
    assert "x" not in page.sources()
    assert "<img src=x onerror=alert(1)>&amp;" in page.words


def test_an_image_that_vanished_after_preparing_is_listed_and_the_rest_is_shown(tmp_path: Path, folder: Path) -> None:
    prepare(folder, tmp_path / "prepared")
    (folder / abid.IMAGES / "00003.jpg").unlink()
    (folder / abid.IMAGES / "00099.jpg").write_bytes(b"\xff\xd8 cut")
    found = explore(tmp_path / "prepared", tmp_path / "r.html")
    assert [Path(entry["file"]).name for entry in found["refused"]] == ["00100.jpg", "00003.jpg", "00099.jpg"]
    assert sum(size["images"] for size in found["pictures"]["sizes"]) == 27


def test_a_folder_whose_images_all_vanished_is_refused(tmp_path: Path) -> None:
    write_bins(tmp_path / "in", 3)
    prepare(tmp_path / "in", tmp_path / "prepared")
    for image in (tmp_path / "in" / abid.IMAGES).iterdir():
        image.unlink()
    with pytest.raises(InputError, match="none of its 3 images can be read"):
        explore(tmp_path / "prepared", tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_pictures_of_any_shape_are_shown_and_told_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, shape in enumerate(((1, 1), (1, 900), (900, 1), (40, 30), (200, 700))):
        image = write_bin(tmp_path / "in", f"{number:05}", 1)
        image.write_bytes(cv2.imencode(".png", np.full((*shape, 3), 200, np.uint8))[1].tobytes())
    assert main(["data", "explore", str(tmp_path / "in"), "--out", str(tmp_path / "r.html"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["pictures"]["sizes"]) == 5
    assert found["pictures"]["aspect"]["max"] == 900
    assert any("sizes" in (attributes.get("aria-label") or "") for _, attributes in Page(tmp_path / "r.html").tags)


def test_a_leak_is_shown_with_the_offending_pair(tmp_path: Path, folder: Path) -> None:
    (folder / abid.IMAGES / "00030.jpg").write_bytes((folder / abid.IMAGES / "00002.jpg").read_bytes())
    abid.metadata_path(folder / abid.IMAGES / "00030.jpg").write_text(abid.metadata_json(5, {"Y": 5}, {}))
    data = load(folder)
    parts: dict[str, Part] = {"00002": "test", "00030": "val"}
    examples = tuple(replace(one, group=one.image_id, part=parts.get(one.image_id, "train")) for one in data.examples)
    looks, _ = look_at(examples)
    findings = find(replace(data, examples=examples), looks)
    (tmp_path / "r.html").write_text(render(findings, summary(findings), None))
    words = " ".join(Page(tmp_path / "r.html").words.split())
    assert words.count("00002 (test), 00030 (val)") == 2  # as a leak, and as one picture with two labels
    assert "2 → 5" in words
    assert "the split leaks" in words


def test_an_empty_class_is_said_on_the_page(tmp_path: Path) -> None:
    for i in range(6):
        write_bin(tmp_path / "in", f"{i:05}", i, [f"A{i}"])
    explore(tmp_path / "in", tmp_path / "r.html")
    words = Page(tmp_path / "r.html").words
    assert "no image with 6+ items in the whole set" in words
    assert "a counter trained on this set cannot learn it" in words


def test_a_model_of_other_classes_is_refused(tmp_path: Path, folder: Path) -> None:
    bundle = write_colour_bundle(tmp_path / "b.onnx", np.eye(3))
    with pytest.raises(InputError, match="3 classes"):
        explore(folder, tmp_path / "r.html", model=str(bundle))


@pytest.mark.parametrize("name", ["missing.onnx", "missing.pt", "text.onnx", "text.pt"])
def test_a_model_that_is_none_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    (tmp_path / "text.pt").write_text("no model")
    with pytest.raises(InputError, match=name):
        explore(tmp_path / "no such data", tmp_path / "r.html", model=str(tmp_path / name))


def test_a_page_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot make this folder"):
        explore(tmp_path / "no such data", tmp_path / "file" / "r.html")
    with pytest.raises(UsageError, match="is a folder"):
        explore(tmp_path / "no such data", tmp_path)


def test_an_older_report_survives_a_run_that_fails(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "r.html").write_text("older")
    (tmp_path / "list.json").write_text("{")
    with pytest.raises(InputError):
        explore(folder, tmp_path / "r.html", tmp_path / "list.json")
    assert (tmp_path / "r.html").read_text() == "older"
    assert not list(tmp_path.glob(".r.html*"))


def test_the_command_prints_a_table_and_what_to_know_first(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "explore", str(folder), "--out", str(tmp_path / "new" / "r.html")]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^6\+ +4 +13\.8%", printed, re.MULTILINE)
    assert "! 1 file cannot be used" in printed
    assert (tmp_path / "new" / "r.html").exists()


@pytest.mark.parametrize(("arguments", "code"), [(["missing"], 2), (["."], 1)])
def test_the_command_says_in_one_line_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "explore", *arguments, "--out", "r.html"]) == code
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("r.html").exists()
