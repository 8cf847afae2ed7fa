"""The demo: from a camera to a ledger by the real programs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

import pytest

from bintally import abid
from bintally.bundle import DEFAULT_BUNDLE
from bintally.demo import Totals, judge
from tests.fakes.bundle import write_grey_bins
from tests.fakes.programs import BINTALLY, Start, survivors, wait_until

FIELDS = {"bin", "counted", "at_least", "unsure", "confidence", "truth", "frame_ms"}


@pytest.fixture
def token() -> str:
    """Marks the environment of a demo, and with it all its children."""
    return f"BIN_DEMO_{uuid.uuid4().hex}"


@pytest.fixture
def greys(tmp_path: Path) -> Path:
    return write_grey_bins(tmp_path / "greys", [0, 1, 2, 3, 4, 5, 6, 8])


@pytest.mark.parametrize(
    ("counted", "at_least", "truth", "right"),
    [
        (3, None, 3, True),
        (3, None, 4, False),
        (0, None, 0, True),
        (None, 6, 6, True),
        (None, 6, 9, True),
        (None, 6, 5, False),
        (None, None, 3, False),
    ],
)
def test_an_answer_is_judged_by_the_truth(counted: int | None, at_least: int | None, truth: int, right: bool) -> None:
    assert judge(counted, at_least, truth) is right


def test_totals_judge_only_what_has_a_truth() -> None:
    totals = Totals()
    for truth, unsure, right in ((3, False, True), (3, False, False), (3, True, False), (None, False, None)):
        totals.add({"bin": "b", "truth": truth, "unsure": unsure, "right": right, "frame_ms": 5.0})
    said = totals.as_json()
    assert (said["counts"], said["judged"], said["answered"], said["unsure"], said["right"]) == (4, 3, 2, 1, 1)
    assert (said["accuracy_answered"], said["accuracy_all"]) == (1 / 2, 1 / 3)
    assert Totals().as_json()["accuracy_all"] is None


def test_each_count_stands_beside_its_truth_and_nothing_keeps_running(start: Start, tiny_bundle: Path, greys: Path, token: str) -> None:
    demo = start(
        *BINTALLY, "demo", "--frames", str(greys), "--bundle", str(tiny_bundle), "--seconds", "60", "--interval", "0.02", "--json",
        env={token: "1"},
    )  # fmt: skip
    assert demo.wait() == 0, demo.stderr
    *counts, totals = [json.loads(line) for line in demo.lines()]
    assert all(set(count) >= FIELDS for count in counts)
    assert {count["bin"] for count in counts} == {path.stem for path in greys.glob("*.jpg")}
    for count in counts:
        expected = (count["truth"], None) if count["truth"] < 6 else (None, 6)
        assert (count["counted"], count["at_least"], count["unsure"]) == (*expected, False)
        assert 0.6 <= count["confidence"] <= 1
        assert count["frame_ms"] > 0
    assert totals["totals"] is True
    assert totals["counts"] == totals["right"] == len(counts)
    assert totals["accuracy_all"] == 1
    assert totals["bins"] == 8
    assert len(counts) == 16, "each bin twice, and then it ends by itself"
    assert (totals["wrong_books"], totals["wrong_books_found"], totals["false_alarms"]) == (1, 1, 0)
    assert survivors(token) == []


def test_its_page_opens_with_the_address_that_it_prints(start: Start, tiny_bundle: Path, greys: Path) -> None:
    demo = start(*BINTALLY, "demo", "--frames", str(greys), "--bundle", str(tiny_bundle), "--seconds", "60", "--interval", "0.5", "--json")
    demo.line()
    address, token = re.search(r"page: (http://127\.0\.0\.1:\d+)/login#(\S+)", demo.stderr).groups()  # type: ignore[union-attr]
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    browser.open(f"{address}/login", urllib.parse.urlencode({"token": token}).encode())
    assert b"bin-001" in browser.open(f"{address}/bin?bin=bin-001").read()
    assert browser.open(f"{address}/").read().count(b"<use ") == 8, "each bin has its place on the map"


def test_rendered_bins_are_shown_and_said_to_be_rendered(start: Start, tiny_bundle: Path, tmp_path: Path, token: str) -> None:
    bundle = DEFAULT_BUNDLE if DEFAULT_BUNDLE.is_file() else tiny_bundle
    options = ("--seconds", "1", "--interval", "0.1", "--seed", "3", "--bundle", str(bundle), "--keep", str(tmp_path / "kept"), "--json")
    demo = start(*BINTALLY, "demo", *options, env={token: "1"})
    assert demo.wait(120) == 0, demo.stderr
    *counts, totals = [json.loads(line) for line in demo.lines()]
    assert counts
    for count in counts:
        image = tmp_path / "kept" / "rendered" / abid.IMAGES / f"{count['bin']}.jpg"
        assert count["truth"] == abid.read_metadata(abid.metadata_path(image)).quantity
        assert (count["counted"] is None) == (count["unsure"] or count["at_least"] is not None)
        assert "rendered" in count["shown"]
    assert totals["counts"] == len(counts)
    assert survivors(token) == []


def test_people_get_a_table_with_totals(start: Start, tiny_bundle: Path, greys: Path) -> None:
    demo = start(*BINTALLY, "demo", "--frames", str(greys), "--bundle", str(tiny_bundle), "--seconds", "1", "--interval", "0.05")
    assert demo.wait() == 0, demo.stderr
    shown = "".join(demo.lines())
    assert "bins committed to the ledger" in shown
    assert "6 or more" in shown


@pytest.mark.parametrize("moment", ["counting", "rendering"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_children(
    start: Start, tiny_bundle: Path, greys: Path, tmp_path: Path, token: str, moment: str, number: signal.Signals
) -> None:
    frames = ("--frames", str(greys)) if moment == "counting" else ()
    options = ("--seconds", "0", "--bundle", str(tiny_bundle), "--keep", str(tmp_path / "kept"), "--json")
    demo = start(*BINTALLY, "demo", *frames, *options, env={token: "1"})
    if moment == "counting":
        demo.line()
    else:
        wait_until(lambda: any((tmp_path / "kept").glob("rendered/bin-images/*.jpg")), "the first bin is rendered")
    assert len(survivors(token)) > 1
    demo.signal(number)
    assert demo.wait() == (0 if moment == "counting" else 130), demo.stderr
    left = survivors(token)
    for pid in left:  # a child that outlived the demo must not outlive the test
        os.kill(pid, signal.SIGKILL)
    assert left == []
    assert "Traceback" not in demo.stderr


def test_a_busy_port_is_told(start: Start, tiny_bundle: Path, greys: Path, token: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        demo = start(
            *BINTALLY, "demo", "--frames", str(greys), "--bundle", str(tiny_bundle), "--port", str(port), "--json", env={token: "1"}
        )
        assert demo.wait() == 1
    assert f"port {port} on 127.0.0.1 cannot be used (Address already in use); choose another --port" in demo.stderr
    assert len(demo.stderr.splitlines()) == 1
    assert survivors(token) == []


def _refused(start: Start, *options: str) -> tuple[int, str]:
    demo = start(*BINTALLY, "demo", "--json", *options)
    code = demo.wait()
    assert len(demo.stderr.splitlines()) == 1, demo.stderr
    return code, demo.stderr


def test_a_folder_in_the_way_is_told_and_kept(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    code, told = _refused(start, "--keep", str(tmp_path))
    assert code == 2
    assert f"{tmp_path}: is in the way" in told
    code, told = _refused(start, "--keep", str(tmp_path / "mine"))
    assert code == 2
    assert (tmp_path / "mine").read_text() == "precious"


def test_photographs_without_truth_are_told(start: Start, greys: Path) -> None:
    abid.metadata_path(greys / "bin-001.jpg").unlink()
    code, told = _refused(start, "--frames", str(greys))
    assert code == 1
    assert "metadata/bin-001.json: there is no metadata file for this image" in told


def test_a_folder_without_photographs_is_told(start: Start, tmp_path: Path) -> None:
    for folder, fault in ((tmp_path, "no .jpg file in it"), (tmp_path / "gone", "no such folder of photographs")):
        code, told = _refused(start, "--frames", str(folder))
        assert code == 1
        assert f"{folder}: {fault}" in told


def test_a_broken_bundle_ends_the_demo_with_the_agents_own_words(start: Start, greys: Path, tmp_path: Path, token: str) -> None:
    (tmp_path / "bad.onnx").write_text("no bundle")
    demo = start(*BINTALLY, "demo", "--frames", str(greys), "--bundle", str(tmp_path / "bad.onnx"), "--json", env={token: "1"})
    assert demo.wait() == 1
    assert "bad.onnx: no ONNX graph that can be loaded" in demo.stderr
    assert "Traceback" not in demo.stderr
    assert survivors(token) == []
