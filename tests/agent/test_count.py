"""``bintally count``: files without any broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bintally.cli import main
from tests.fakes.bundle import expected_probabilities, write_grey_images


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    return [str(path) for path in write_grey_images(tmp_path, [3, 6, 1.5])]


def test_people_get_a_table(tiny_bundle: Path, images: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", *images, "--bundle", str(tiny_bundle)]) == 0
    out = capsys.readouterr()
    head, *rows = out.out.splitlines()
    assert head.split() == ["image", "count", "confidence", "ms"]
    assert [row.split()[0] for row in rows] == images
    assert [" ".join(row.split()[1:-2]) for row in rows] == ["3", "6 or more", "unsure"]
    assert rows[0].split()[2] == f"{expected_probabilities(108)[3]:.0%}"
    assert out.err == ""


def test_programs_get_an_object_a_line(tiny_bundle: Path, images: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", *images, "--bundle", str(tiny_bundle), "--json", "--threads", "1"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["file"] for answer in answers] == images
    assert [(answer["counted"], answer["at_least"], answer["unsure"]) for answer in answers] == [
        (3, None, False),
        (None, 6, False),
        (None, None, True),
    ]
    for answer in answers:
        assert answer["confidence"] == max(answer["probabilities"])
        assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert answer["frame_ms"] > 0


@pytest.mark.parametrize("form", [["--json"], []])
def test_a_bad_file_fails_and_the_others_are_counted(
    tiny_bundle: Path, images: list[str], capsys: pytest.CaptureFixture[str], form: list[str]
) -> None:
    Path(images[1]).write_bytes(b"no image")
    assert main(["count", *images, images[0] + "-gone", "--bundle", str(tiny_bundle), *form]) == 1
    out = capsys.readouterr()
    assert len(out.out.splitlines()) == 2 + (not form)
    assert [line.split(" ")[2] for line in out.err.splitlines()] == [f"{images[1]}:", f"{images[0]}-gone:"]


def test_a_bundle_that_is_none_is_one_line(images: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", images[0], "--bundle", images[0]]) == 1
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.startswith(f"bintally count: {images[0]}: no ONNX graph")
    assert len(out.err.splitlines()) == 1
