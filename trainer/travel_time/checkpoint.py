"""Checkpoints of travel-time networks: what was learnt, for which warehouse and which label, and how good it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bintally.errors import InputError
from bintally.labels import Label
from bintally.layouts import Cart, Ladder
from trainer.network.torch_files import load_torch, save_torch, shapes
from trainer.travel_time.design import Design
from trainer.travel_time.network import TravelTime

FORMAT = "bintally-travel-time-2"


@dataclass(frozen=True)
class Subject:
    """What a network estimates.

    Attributes:
        ladder: the only one that it knows.
        cart: of the labels, None if they need none.
        name: the label's column.
        label: its unit, and what it is.
        bases: columns of what is calculated of each list before it is estimated; PLAIN first.
        most_picks: places of the longest list that it has seen.
    """

    ladder: Ladder
    cart: Cart | None
    name: str
    label: Label
    bases: tuple[str, ...]
    most_picks: int


_SUBJECT = TypeAdapter(Subject)


@dataclass(frozen=True)
class Checkpoint:
    """What ``read`` returns.

    Attributes:
        design: the network's form.
        subject: what it estimates.
        model: its weights, the averaged ones where the run keeps an average.
        facts: settings, label digests, source commit, progress and validation scores; in ``best.pt`` of a finished run ``test``: the scores
            on lists that the run never looked at before, of the network and the baselines.
        state: what a run needs to go on, None in a finished checkpoint.
    """

    design: Design
    subject: Subject
    model: dict[str, Any]
    facts: dict[str, Any]
    state: dict[str, Any] | None = None

    def network(self) -> TravelTime:
        """The network with these weights, ready to estimate."""
        network = TravelTime(self.subject.ladder, len(self.subject.bases), self.design)
        network.load_state_dict(self.model)
        return network.eval()


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the previous one stays whole until the new one is.

    Raises:
        UnavailableError: the disk is full or cannot be written to.
    """
    subject = _SUBJECT.dump_json(checkpoint.subject, by_alias=True).decode()
    content = {"format": FORMAT, **vars(checkpoint), "design": asdict(checkpoint.design), "subject": subject}
    save_torch(path, content)


def is_travel_time(content: Any) -> bool:
    """Whether what ``load_torch`` gave is a checkpoint of a travel-time network, of this version or another."""
    return isinstance(content, dict) and str(content.get("format")).startswith(FORMAT.rpartition("-")[0])


def read(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: the file is missing, damaged, or no checkpoint of this version.
    """
    content = load_torch(path, "'bintally train --task travel-time' writes checkpoints")
    names = {"format", *Checkpoint.__dataclass_fields__}
    if not isinstance(content, dict) or set(content) != names or content.pop("format") != FORMAT:
        raise InputError(f"{path}: a torch file, but no travel-time checkpoint of the form {FORMAT}; train again")
    checkpoint = Checkpoint(**{**content, "design": _design(content["design"], path), "subject": _subject(content["subject"], path)})
    if not isinstance(checkpoint.model, dict) or not isinstance(checkpoint.facts, dict):
        raise InputError(f"{path}: a travel-time checkpoint, but damaged; train again")
    if shapes(checkpoint.model) != shapes(
        TravelTime(checkpoint.subject.ladder, len(checkpoint.subject.bases), checkpoint.design).state_dict()
    ):
        raise InputError(f"{path}: the weights are not those of this version's {checkpoint.design}; train again")
    return checkpoint


def _design(entry: Any, path: Path) -> Design:
    if not isinstance(entry, dict) or set(entry) != set(Design.__dataclass_fields__):
        raise InputError(f"{path}: holds a network that this version does not know ({entry}); train again")
    return Design(**entry)


def _subject(text: Any, path: Path) -> Subject:
    try:
        return _SUBJECT.validate_json(text)
    except ValidationError as error:
        raise InputError(f"{path}: does not say what it estimates; train again") from error
