"""The report: one page that needs no network and tells no more than was measured."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from bintally.cli import main
from bintally.errors import UnavailableError, UsageError
from tests.trainer.folders import write_colour_bundle
from trainer.evaluation.metrics import scores
from trainer.evaluation.models import Speed
from trainer.evaluation.report import check_place, page
from trainer.evaluation.task import Evaluation, Task, worst

SPEED = Speed(12.34, 98.7, 32, 40, 5, "a <fine> machine", 0.5)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_colour_bundle(tmp_path_factory.mktemp("bundle") / "colour.onnx", np.random.default_rng(3).normal(0, 0.05, (3, 7)))


@pytest.fixture(scope="module")
def task(bins: Path) -> Task:
    return Task(bins, "all")


@pytest.fixture(scope="module")
def evaluation(task: Task, bundle: Path) -> Evaluation:
    return task.evaluate(str(bundle))


@pytest.fixture(scope="module")
def text(evaluation: Evaluation) -> str:
    return page(evaluation, SPEED, None, "2026-01-02")


class Elements(HTMLParser):
    """Every element with its attributes, and whether they close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_opens_without_a_network(text: str) -> None:
    elements = Elements(text)
    assert elements.open == []
    assert not {"script", "link", "iframe", "image"} & {tag for tag, _ in elements.found}
    sources = [value for _, attributes in elements.found for name, value in attributes.items() if name in ("src", "href", "xlink:href")]
    assert sources
    assert all(source is not None and source.startswith(("data:image/jpeg;base64,", "#")) for source in sources)


def test_ids_are_unique_and_references_find_them(text: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert {*re.findall(r"url\(#([^)]+)\)", text), *re.findall(r'href="#([^"]+)"', text)} <= set(ids)


def test_diagrams_take_the_colours_of_the_page(text: str) -> None:
    diagrams = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert diagrams.count("<svg") == 4
    assert "var(--first)" in diagrams
    assert set(re.findall(r"#[0-9a-f]{6}\b", diagrams)) <= {"#000000"}


def test_the_page_names_what_was_measured_on_what(text: str, evaluation: Evaluation, task: Task) -> None:
    found = scores(evaluation.sureness.probabilities, task.quantities)
    for told in (
        f"{100 * found['accuracy']:.1f}\N{NO-BREAK SPACE}%",
        f"{found['rmse']:.3f}",
        "56.45\N{NO-BREAK SPACE}%",
        "another, far larger split",
        task.data.digest,
        evaluation.model.digest,
        "2026-01-02",
        "21 images (21 groups)",
        "12.3 ms",
        "a &lt;fine&gt; machine",
    ):
        assert told in text, told


def test_names_from_outside_are_text_and_never_markup(evaluation: Evaluation) -> None:
    outcome = {**evaluation.outcome, "data": "/data/<script>alert(1)</script>", "model": "<b>m</b>.onnx"}
    text = page(Evaluation(evaluation.model, evaluation.examples, evaluation.sureness, outcome), SPEED, None, "2026-01-02")
    assert "<script>" not in text
    assert "<b>m</b>" not in text


def test_the_worst_mistakes_are_wrong_and_come_worst_first_one_a_group(evaluation: Evaluation) -> None:
    rows = worst(evaluation)
    truth = evaluation.classes
    probabilities = evaluation.sureness.probabilities
    wrong = np.flatnonzero(probabilities.argmax(1) != truth)
    assert set(rows) <= set(wrong.tolist())
    assert len(rows) == min(12, len(wrong))
    of_truth = probabilities[np.arange(len(truth)), truth]
    assert list(of_truth[rows]) == sorted(of_truth[wrong])[: len(rows)]
    together = [type(one)(**{**vars(one), "group": "same"}) for one in evaluation.examples]
    assert worst(Evaluation(evaluation.model, together, evaluation.sureness, evaluation.outcome)) == rows[:1]


def test_the_mistakes_are_shown_as_pictures(text: str, evaluation: Evaluation) -> None:
    pictures = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", text)
    assert len(pictures) == len(worst(evaluation))
    for picture in pictures:
        frame = cv2.imdecode(np.frombuffer(base64.b64decode(picture), np.uint8), cv2.IMREAD_COLOR)
        assert frame is not None
        assert max(frame.shape) <= 220


def test_a_comparison_is_told_where_there_is_one(text: str, evaluation: Evaluation, task: Task, bundle: Path) -> None:
    comparison = task.compare(str(bundle), str(bundle))
    assert comparison["verdict"] in page(evaluation, SPEED, comparison, "2026-01-02")
    assert "One model against another" not in text


def test_a_part_with_large_bins_only_has_a_page_with_dashes(tmp_path: Path, bundle: Path, bins: Path) -> None:
    for source in (bins / "metadata").iterdir():
        if '"EXPECTED_QUANTITY": 6' in source.read_text():
            for folder, ending in (("bin-images", "jpg"), ("metadata", "json")):
                (tmp_path / folder).mkdir(exist_ok=True)
                (tmp_path / folder / f"{source.stem}.{ending}").write_bytes((bins / folder / f"{source.stem}.{ending}").read_bytes())
    large = Task(tmp_path, "all")
    assert set(large.quantities) == {6}
    text = page(large.evaluate(str(bundle)), SPEED, large.compare(str(bundle), str(bundle)), "2026-01-02")
    assert "No image has at most 5 items" in text
    assert "nan" not in re.sub(r"base64,\S+", "", text).lower()


def test_the_command_writes_the_page(tmp_path: Path, bundle: Path, bins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.html"
    assert main(["evaluate", str(bundle), "--data", str(bins), "--split", "all", "--report", str(out)]) == 0
    assert "images/s in batches of 32" in capsys.readouterr().out
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_place_where_no_page_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    for path, told in (
        (tmp_path / "model.onnx", "ends with .html"),
        (tmp_path / "folder.html", "is a folder"),
        (tmp_path / "missing" / "x.html", "there is no folder"),
    ):
        with pytest.raises(UsageError, match=told):
            check_place(path)
    with pytest.raises(UnavailableError, match="cannot be written"):
        check_place(Path("/proc/x.html"))  # where even root may make no file
    check_place(tmp_path / "x.html")
