"""Make a travel-time bundle: the graph, proven equal to the checkpoint, measured on lists that training did not see, and the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch

from bintally.errors import InputError, UsageError
from bintally.files import make_folder, write_with
from bintally.travel_time import GoldenList, HeldOut, SameAsTorch, TravelTimeManifest
from bintally.travel_time.network import open_network
from export.pack import pack
from export.sessions import session
from export.settings import check_name
from export.travel_time.graph import to_onnx
from export.travel_time.proof import Answers, all_answers, compared
from trainer.network.checkpoint import source_commit
from trainer.travel_time.checkpoint import Checkpoint, read
from trainer.travel_time.lists import Lists, load
from trainer.travel_time.report import NETWORK
from trainer.travel_time.scores import doubt_scores, scores

NAME = "travel-time"
GOLDEN_TOLERANCE = 1e-3
_GOLDEN = 5
log = structlog.get_logger()


def export_travel_time(path: Path, data: Sequence[Path], out: Path, *, name: str, version: str, licence: str) -> TravelTimeManifest:
    """Export a checkpoint.

    Args:
        path: of the checkpoint.
        data: folders of labelled lists, of whose part for testing the bundle's figures come.
        out: the bundle's file; it is only written when the graph has passed all gates.
        name: of the bundle.
        version: of it, semantic.
        licence: of it.

    Raises:
        InputError: the checkpoint or the lists cannot be used, they are of different warehouses or labels, or the graph answers otherwise
            than the checkpoint.
        UsageError: a wrong name or version, or ``out`` is no bundle's name.
        UnavailableError: the bundle cannot be written.
    """
    check_name(name, version)
    if out.suffix != ".onnx":
        raise UsageError(f"--out {out}: a travel-time bundle is one file; its name ends with .onnx")
    checkpoint = read(path)
    lists = _held_out(checkpoint, data, path)
    network = checkpoint.network()
    model = to_onnx(network)
    opened = session(model, threads=1)
    proof = compared(network, opened, lists)
    failed = [f"{gate.name} is {gate.value:g}, more than {gate.limit:g}" for gate in proof.gates if not gate.passed]
    if failed:
        raise InputError(f"{path}: no bundle was written: {'; '.join(failed)}; the graph cannot be trusted")
    log.info("graph equals checkpoint", lists=proof.lists, largest=max(gate.value for gate in proof.gates))
    found = all_answers(opened, lists)
    fields = {"name": name, "version": version, "licence": licence, **manifest_fields(checkpoint, proof, lists, found)}
    content = pack(model, TravelTimeManifest, fields)
    make_folder(out.parent)
    write_with(out, lambda temporary: _write_checked(temporary, content))
    return open_network(out).manifest


def manifest_fields(checkpoint: Checkpoint, proof: SameAsTorch, lists: Lists, found: Answers) -> dict[str, Any]:
    """The manifest, but for its name and what ``pack`` adds.

    Args:
        checkpoint: what was exported.
        proof: that the graph equals it.
        lists: held out.
        found: what the graph answers to them.
    """
    subject = checkpoint.subject
    return {
        "schema": 1,
        "ladder": subject.ladder,
        "cart": subject.cart,
        "label": subject.name,
        "what": subject.label,
        "bases": subject.bases,
        "most_picks": subject.most_picks,
        "measured": _measured(checkpoint, lists, found),
        "proof": proof,
        "training": checkpoint.facts,
        "data_digest": checkpoint.facts["data"]["digest"],
        "source_commit": source_commit(),
        "golden": _golden(lists, found),
        "golden_tolerance": GOLDEN_TOLERANCE,
    }


def _held_out(checkpoint: Checkpoint, data: Sequence[Path], path: Path) -> Lists:
    """The lists for testing, of the checkpoint's own warehouse and label."""
    labelled = load(data, checkpoint.subject.name)
    for what in ("ladder", "cart"):
        if getattr(labelled.subject, what) != getattr(checkpoint.subject, what):
            raise InputError(f"{path}: learnt another {what} than that of {data[0]}; name the folder that it was trained on")
    lists = labelled.parts["test"]
    if not len(lists):
        raise InputError(f"{data[0]}: holds no lists for testing, of which there is one in 20; label more")
    return lists


def _measured(checkpoint: Checkpoint, lists: Lists, found: Answers) -> HeldOut:
    calculated = lists.value.double().numpy()
    value, spread = found.astype(np.float64)
    of_training = checkpoint.facts.get("test", {}).get("scores", {})  # not there yet where the run was cut short
    return HeldOut(
        lists=len(lists),
        scores=scores(value, calculated),
        spread=doubt_scores(value / calculated - 1, spread),
        baselines={name: figures for name, figures in of_training.items() if name != NETWORK},
    )


def _golden(lists: Lists, found: Answers) -> list[GoldenList]:
    """A few lists, from the shortest to the longest."""
    ranked = torch.argsort(lists.first.diff(), stable=True)
    chosen = ranked[torch.linspace(0, len(lists) - 1, min(_GOLDEN, len(lists))).long()].tolist()
    return [
        GoldenList(
            picks=[tuple(place) for place in lists.places[lists.first[number] : lists.first[number + 1]].tolist()],
            base=lists.base[number].tolist(),
            value=float(found[0, number]),
            spread=float(found[1, number]),
        )
        for number in chosen
    ]


def _write_checked(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        open_network(path)
    except InputError as error:
        raise InputError(f"the new bundle does not pass its own checks: {error}") from error
