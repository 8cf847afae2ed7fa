"""The table at the end of a run: the network and its baselines on lists that it has never seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from bintally.files import write_atomically
from trainer.travel_time.baselines import baselines
from trainer.travel_time.checkpoint import Checkpoint
from trainer.travel_time.lists import LabelSet, Lists
from trainer.travel_time.scores import doubt_scores, estimates, scores

TEST = "test.json"
NETWORK = "network"
_SIZES = (1, 2, 4, 7, 11, 16, 21, 31, 41)


def judge(checkpoint: Checkpoint, data: LabelSet, out: Path) -> dict[str, Any]:
    """Scores on the test lists, of the network (overall, by the lists' length, and of its spreads) and of the baselines; written to ``test.json``.

    Raises:
        UnavailableError: it cannot be written.
    """
    device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
    network, train, test = checkpoint.network().to(device), data.parts["train"].to(device), data.parts["test"].to(device)
    value, spread = (part.double().cpu().numpy() for part in estimates(network, test))
    calculated = test.value.double().cpu().numpy()
    found = {
        "label": checkpoint.subject.name,
        "digest": data.digest,
        "scores": {NETWORK: scores(value, calculated)}
        | {name: scores(estimated, calculated) for name, estimated in baselines(network.features, train, test).items()},
        "spread": doubt_scores(value / calculated - 1, spread),
        "sizes": _by_size(test, value, calculated),
    }
    write_atomically(out / TEST, json.dumps(found, indent=1) + "\n")
    return found


def as_text(found: dict[str, Any]) -> str:
    """The scores for a person."""
    scored, spread = found["scores"], found["spread"]
    lines = [
        f"|estimated ÷ calculated − 1| of {found['label']} over {scored[NETWORK]['n']} held-out lists:",
        f"{'':<34}{'mean':>9}{'99 % below':>12}{'worst 1 %':>11}",
    ]
    lines += [f"{name:<34}{one['error']:>9.3%}{one['q99']:>12.2%}{one['worst']:>11.2%}" for name, one in scored.items()]
    lines.append("by places: " + ", ".join(f"{one['places']}: {one['error']:.2%}" for one in found["sizes"]))
    lines.append(
        f"spreads: {spread['within_2']:.1%} of the errors are within two of them; mean error of the surest tenth {spread['error_sure']:.2%}, "
        f"of the least sure {spread['error_unsure']:.2%}"
    )
    return "\n".join(lines)


def _by_size(lists: Lists, value: Any, calculated: Any) -> list[dict[str, Any]]:
    places = lists.first.diff().cpu().numpy()
    found = []
    for low, high in zip(_SIZES, [*(one - 1 for one in _SIZES[1:]), max(lists.longest, _SIZES[-1])], strict=True):
        rows = (places >= low) & (places <= high)
        if rows.any():
            found.append({"places": f"{low}–{high}" if high > low else str(low), **scores(value[rows], calculated[rows])})
    return found
