"""The trainer learns from what a station collected."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import cv2
import pytest
import structlog

from agent.evidence.evidence import Evidence
from agent.evidence.store import EvidenceStore
from bintally.cli import main
from bintally.scenes import render_scene
from tests.agent.evidence.folders import count
from tests.fakes.events import EPOCH

torch = pytest.importorskip("torch")
NUMBER = 16
TRAINING = (
    "--backbone",
    "mobilenet_v3_small",
    "--epochs",
    "1",
    "--batch-size",
    "4",
    "--sizes",
    "32",
    "--input-size",
    "32",
    "--freeze",
    "4",
)


@pytest.fixture
def collected(tmp_path: Path) -> tuple[Path, dict[str, int]]:
    """A folder of evidence in which some pictures have a label, and these labels."""
    evidence = Evidence(EvidenceStore(tmp_path / "evidence", 10**8), 0.0)
    evidence.start()
    truth = {}
    for number in range(1, NUMBER + 1):
        scene = render_scene((3, number))
        evidence.keep_later(count(number), cv2.resize(scene.frame, (96, 64)), "unsure" if number % 2 else None)
        if number % 4:
            if number == 1:
                evidence.correct(f"{EPOCH}-{number}", 99, "bert")
            evidence.correct(f"{EPOCH}-{number}", scene.quantity, "anna")
            truth[f"{EPOCH}-{number}"] = scene.quantity
    evidence.keep_later(count(NUMBER + 1), cv2.resize(scene.frame, (96, 64)), "mismatch")
    evidence.close()
    return tmp_path / "evidence", truth


def test_the_trainer_reads_the_corrections_and_learns(
    collected: tuple[Path, dict[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.models import mobilenet_v3_small

    from trainer.data.prepare import load
    from trainer.network import checkpoint

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder, truth = collected
    assert len(list((folder / "unlabelled").glob("*.jpg"))) == 1
    assert main(["data", "prepare", str(folder), "--out", str(tmp_path / "prepared")]) == 0
    found = load(tmp_path / "prepared")
    assert {example.image_id: example.quantity for example in found.examples} == truth
    assert found.refused == ()
    assert [example for example in found.examples if example.listed is not None or example.articles] == []
    weights = tmp_path / "weights.pth"
    torch.save(mobilenet_v3_small().state_dict(), weights)
    options = ("--data", str(tmp_path / "prepared"), "--out", str(tmp_path / "run"), "--weights", str(weights), *TRAINING)
    try:
        assert main(["train", *options]) == 0
    finally:
        structlog.reset_defaults()
        torch.set_num_threads(threads)
    facts = checkpoint.read(tmp_path / "run" / "best.pt").facts
    assert facts["data"][0]["digest"] == found.digest


def test_pictures_without_a_label_alone_are_no_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = EvidenceStore(tmp_path / "evidence", 10**8)
    scene = render_scene((3, 1))
    assert store.keep(count(1), cv2.imencode(".jpg", scene.frame)[1].tobytes(), "unsure")
    assert main(["data", "prepare", str(tmp_path / "evidence"), "--out", str(tmp_path / "prepared")]) == 1
    assert "no image in it" in capsys.readouterr().err
    store.correct(f"{EPOCH}-1", scene.quantity, "anna", datetime.now(timezone.utc))
    assert main(["data", "prepare", str(tmp_path / "evidence"), "--out", str(tmp_path / "prepared")]) == 0
