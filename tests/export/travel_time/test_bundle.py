"""An exported travel-time bundle: it answers as torch does, says what it is, and is not written when it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from bintally.cli import main
from bintally.errors import InputError, UsageError
from bintally.layouts import Cart, Ladder
from bintally.layouts.generate import regular_ladder
from bintally.travel_time.network import open_network
from export.sessions import session
from export.travel_time import bundle as module
from export.travel_time.bundle import export_travel_time
from export.travel_time.graph import to_onnx
from export.travel_time.proof import compared
from tests.export.travel_time.conftest import CART, LADDER, MOST_PICKS, NAMES, Exported, write_labels
from trainer.travel_time import checkpoint as checkpoints
from trainer.travel_time.lists import Lists, load
from trainer.travel_time.scores import scores


def _drawn(number: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Lists of up to so many places, padded behind."""
    chance = torch.Generator().manual_seed(number + 100 * length)
    picks = torch.rand(number, length, 3, generator=chance) * torch.tensor([4.0, 32.0, 5.0]) // torch.tensor([1.0, 0.5, 1.0])
    picks[:, :, 1] = picks[:, :, 1] / 2
    picks[:, :, 2] += 1
    sizes = torch.randint(1, length + 1, (number, 1), generator=chance)
    return picks * (torch.arange(length) < sizes).unsqueeze(2), 50 + 100 * torch.rand(number, 2, generator=chance)


def _test_lists(travel: Exported) -> Lists:
    return load([travel.labels], "cart_s").parts["test"]


@pytest.mark.parametrize(("number", "length"), [(1, 1), (1, MOST_PICKS), (7, 1), (3, 5), (300, 20), (2, 10 * MOST_PICKS)])
def test_lists_in_any_number_and_of_any_length_are_answered_as_torch_does(travel: Exported, number: int, length: int) -> None:
    picks, base = _drawn(number, length)
    with torch.inference_mode():
        wanted = [part.numpy() for part in travel.network(picks, base)]
    found = open_network(travel.bundle).run(picks.numpy(), base.numpy())
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert len(np.unique(np.round(wanted[0], 3))) >= 0.98 * number, "all alike would prove nothing"


def test_an_answer_does_not_depend_on_the_other_lists_or_the_padding(travel: Exported) -> None:
    network = open_network(travel.bundle)
    picks, base = (part.numpy() for part in _drawn(20, 9))
    alone = [network.run(np.concatenate([row, np.zeros_like(row)])[None], base[i : i + 1]) for i, row in enumerate(picks)]
    np.testing.assert_allclose(np.array(alone)[:, :, 0].T, network.run(picks, base), rtol=1e-5)


def test_the_figures_are_the_graphs_on_lists_that_training_does_not_see(travel: Exported) -> None:
    lists, measured = _test_lists(travel), travel.manifest.measured
    with torch.inference_mode():
        value = travel.network(lists.picks(torch.arange(len(lists))), lists.base)[0].double().numpy()
    assert measured.lists == len(lists) == 20
    assert measured.scores == pytest.approx(scores(value, lists.value.double().numpy()), rel=1e-4)
    assert measured.baselines == {"a constant": {"error": 0.5, "worst": 0.75}}


def test_the_manifest_names_warehouse_cart_label_and_training(travel: Exported) -> None:
    manifest = travel.manifest
    assert (manifest.ladder, manifest.cart, manifest.most_picks) == (LADDER, CART, MOST_PICKS)
    assert manifest.bases == ("plain_m", "along_s")
    assert (manifest.label, manifest.what.unit, manifest.what.about) == ("cart_s", "s", "a time")
    assert {"name": manifest.name, "version": manifest.version, "licence": manifest.licence} == NAMES
    assert manifest.training == checkpoints.read(travel.checkpoint).facts
    assert manifest.data_digest == manifest.training["data"]["digest"]
    assert re.fullmatch(r"[0-9a-f]{40}\+?|unknown", manifest.source_commit)


def test_the_proof_covers_lists_together_alone_and_longer_than_trained(travel: Exported) -> None:
    names = [gate.name for gate in travel.manifest.proof.gates]
    for how in ("together", "alone", "longer than trained"):
        assert [name for name in names if how in name] == [
            f"{what} of lists {how}, largest relative difference" for what in ("value", "spread")
        ]
    assert all(gate.passed for gate in travel.manifest.proof.gates)


def test_golden_lists_are_of_all_lengths(travel: Exported) -> None:
    lengths = [len(golden.picks) for golden in travel.manifest.golden]
    of_test = _test_lists(travel).first.diff().tolist()
    assert (lengths[0], lengths[-1], len(lengths)) == (min(of_test), max(of_test), 5)
    assert lengths == sorted(lengths)


def test_the_oldest_runtime_can_read_it(travel: Exported) -> None:
    """ONNX Runtime 1.20 reads IR version 10 and operator set 21."""
    model = onnx.load(travel.bundle)
    assert model.ir_version <= 10
    assert all(entry.version <= 21 for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}


def test_weights_that_are_not_numbers_are_refused(travel: Exported) -> None:
    network = travel.network
    network.line.fill_(float("nan"))
    with pytest.raises(InputError, match="weights that are not numbers"):
        to_onnx(network)


def test_a_network_that_gives_no_number_passes_no_gate(travel: Exported, travel_graph: onnx.ModelProto) -> None:
    network = travel.network
    network.line.fill_(float("nan"))
    proof = compared(network, session(travel_graph), _test_lists(travel))
    assert not any(gate.passed for gate in proof.gates if gate.name.startswith("value"))


def test_a_graph_that_answers_otherwise_is_not_written(
    travel: Exported, travel_graph: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = onnx.ModelProto()
    wrong.CopyFrom(travel_graph)
    node = next(node for node in wrong.graph.node if node.output[0] == "value")
    node.output[0] = "right"
    wrong.graph.initializer.append(numpy_helper.from_array(np.array(1.0005, np.float32), "wrong"))
    wrong.graph.node.append(onnx.helper.make_node("Mul", ["right", "wrong"], ["value"]))
    monkeypatch.setattr(module, "to_onnx", lambda _: wrong)
    with pytest.raises(InputError, match=r"no bundle was written: value of lists together, largest relative difference is 0\.0005"):
        export_travel_time(travel.checkpoint, [travel.labels], tmp_path / "travel.onnx", **NAMES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("what", "ladder", "cart"), [("ladder", regular_ladder(5, 3, depot=1), CART), ("cart", LADDER, Cart(hands=3)), ("cart", LADDER, None)]
)
def test_lists_of_another_warehouse_or_cart_are_refused(
    travel: Exported, tmp_path: Path, what: str, ladder: Ladder, cart: Cart | None
) -> None:
    labels = write_labels(tmp_path / "labels", ladder, cart)
    with pytest.raises(InputError, match=rf"best\.pt: learnt another {what} than that of .*labels; name the folder"):
        export_travel_time(travel.checkpoint, [labels], tmp_path / "travel.onnx", **NAMES)


def test_too_few_lists_to_test_on_are_refused(travel: Exported, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", lists=15)
    with pytest.raises(InputError, match="holds no lists for testing, of which there is one in 20"):
        export_travel_time(travel.checkpoint, [labels], tmp_path / "travel.onnx", **NAMES)


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"name": "Small Hall"}, "small letters"), ({"version": "1"}, "three numbers")],
)
def test_wrong_names_are_wrong_use(travel: Exported, tmp_path: Path, changed: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        export_travel_time(travel.checkpoint, [travel.labels], tmp_path / "travel.onnx", **{**NAMES, **changed})


def _words(travel: Exported, out: Path, *more: str) -> list[str]:
    return ["export", str(travel.checkpoint), "--data", str(travel.labels), "--out", str(out), *more]


def test_the_command_knows_a_travel_time_checkpoint(
    travel: Exported,
    travel_graph: onnx.ModelProto,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, "to_onnx", lambda _: travel_graph)
    out = tmp_path / "made" / "travel.onnx"
    assert main(_words(travel, out, "--json")) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["path"], printed["measured"]["lists"]) == (str(out), 20)
    assert open_network(out).manifest.name == "travel-time"
    assert main(_words(travel, out)) == 0
    text = capsys.readouterr().out
    assert "of cart_s over 20 lists" in text
    assert re.search(r"a constant +50\.000% +75\.00%", text)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--target", "float", "--fine-tune", "3"], "--target, --fine-tune: for counters only"),
        (["--out", "folder"], "a travel-time bundle is one file; its name ends with .onnx"),
    ],
)
def test_options_of_counters_are_refused(
    travel: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], told: str
) -> None:
    assert main(_words(travel, tmp_path / "travel.onnx", *more)) == 2
    assert told in capsys.readouterr().err


def test_travel_time_checkpoints_are_not_averaged(travel: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", str(travel.checkpoint), str(travel.checkpoint), "--data", str(travel.labels), "--out", str(tmp_path / "a.onnx")]
    assert main(words) == 2
    assert "2 checkpoints: those of travel-time networks are not averaged" in capsys.readouterr().err


def test_a_checkpoint_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "best.pt").write_bytes(b"no checkpoint")
    assert main(["export", str(tmp_path / "best.pt"), "--data", str(tmp_path), "--out", str(tmp_path / "a.onnx")]) == 1
    assert "'bintally train' writes checkpoints" in capsys.readouterr().err
