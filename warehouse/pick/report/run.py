"""``bintally pick report``: measure part by part, and write page, figures and numbers after each, so that nothing is lost."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from bintally.errors import UnavailableError
from bintally.files import make_folder, write_atomically
from bintally.layouts import Cart, Ladder, PickList
from bintally.layouts.files import read_places
from bintally.processor import in_words
from warehouse.estimator import Estimator, open_estimator
from warehouse.pick.bench.estimator import AT_ONCE, Draw, Scores, cart_of, draw_from, methods, speeds
from warehouse.pick.report import sections, theirs
from warehouse.pick.report.annealing import annealed
from warehouse.pick.report.errors import on_fresh, on_held_out, sheet_for
from warehouse.pick.report.page import Picture, Section, page
from warehouse.pick.report.plots import Histogram, draw_histogram, draw_improvement
from warehouse.pick.report.splits import draw_splits
from warehouse.pick.report.training import Training, trainings
from warehouse.routing.pictures import draw_lists
from warehouse.routing.pictures.words import warehouse

PAGE, NUMBERS = "report.html", "report.json"
_TITLE = "Travel times, estimated"


@dataclass(frozen=True)
class Asked:
    """What the report is of.

    Attributes:
        estimator: a bundle of the cart's time.
        layout: a file of its warehouse.
        labels: a folder of labelled lists; None for lists that are drawn and calculated now.
        runs: folders of the trainings that table 1 tells of.
        out: where to.
        lists: to judge the errors by, at most.
        repetitions: of the experiment of two lists.
        seconds: of each annealing on estimates in it; on calculated times it takes ten times as long.
        seed: of all that is drawn.
    """

    estimator: Path
    layout: Path
    labels: Path | None
    runs: tuple[Path, ...]
    out: Path
    lists: int
    repetitions: int
    seconds: float
    seed: int


@dataclass(frozen=True)
class Part:
    """A part that is done: its section, and its numbers for ``report.json``."""

    section: Section
    numbers: Any


@dataclass(frozen=True)
class Subject:
    """What all parts share; the cart has no time for picking, as labels have none."""

    estimator: Estimator
    ladder: Ladder
    places: PickList
    cart: Cart
    draw: Draw


def report(asked: Asked) -> None:
    """Measure and write.

    Raises:
        InputError: the bundle cannot be used, or was trained for another warehouse; labels or a run cannot be used.
        UsageError: the bundle estimates something else than the cart's time.
        UnavailableError: the folder cannot be written to.
    """
    subject = _subject(asked)
    runs = [training for run in asked.runs for training in trainings(run)]
    if asked.labels:
        sheet_for(asked.labels, subject.estimator)
    make_folder(asked.out)
    done: dict[str, Part] = {}
    parts = _parts(asked, subject, runs)
    for key, make in parts.items():
        print(f"bintally pick: {key.replace('_', ' ')}", file=sys.stderr, flush=True)
        done[key] = make()
        _write(asked, subject, done, [other for other in parts if other not in done])


def _subject(asked: Asked) -> Subject:
    ladder, places = read_places(asked.layout)
    estimator = open_estimator(asked.estimator)
    cart = replace(cart_of(asked.estimator, estimator), pick_s=0.0)
    estimator.check(ladder, cart)
    return Subject(estimator, ladder, places, cart, draw_from(estimator, ladder, places, asked.seed))


def _parts(asked: Asked, subject: Subject, runs: Sequence[Training]) -> dict[str, Callable[[], Part]]:
    return {
        "table_1": lambda: Part(sections.table_1(runs), [asdict(run) | {"million_s": run.million_s} for run in runs] or None),
        "table_2": partial(_forward_times, asked, subject),
        "figures_3_4": partial(_ten_orders, asked, subject),
        "figure_6": partial(_errors, asked, subject),
        "figure_7": partial(_annealing, asked, subject),
    }


def _forward_times(asked: Asked, subject: Subject) -> Part:
    at_once = list(speeds(asked.estimator, subject.estimator, subject.draw))
    beside = list(methods(subject.estimator, subject.draw(0, max(AT_ONCE)), subject.cart))
    return Part(sections.table_2(at_once, beside), {"at_once": [asdict(one) for one in at_once], "beside": [asdict(one) for one in beside]})


def _ten_orders(asked: Asked, subject: Subject) -> Part:
    splits = draw_splits(subject.ladder, subject.places, subject.cart, asked.seed)
    drawn, best = (asked.out / name for name in ("figure-3.svg", "figure-4.svg"))
    for path, number in ((drawn, splits.drawn), (best, splits.best)):
        draw_lists(path, subject.ladder, splits.lists(number))
    pictures = (_picture(drawn, sections.figure_3(splits)), _picture(best, sections.figure_4(splits)))
    numbers = {"splits": splits.splits, "times_s": splits.times_s.tolist(), "drawn": splits.drawn, "best": splits.best}
    return Part(sections.figures_3_4(splits, *pictures), numbers)


def _errors(asked: Asked, subject: Subject) -> Part:
    if asked.labels:
        errors = on_held_out(asked.labels, subject.estimator, asked.lists)
    else:
        errors = on_fresh(subject.draw, subject.estimator, subject.cart, asked.lists, asked.seed)
    scores, histogram, path = Scores.of(errors.signed), Histogram.of(errors.signed), asked.out / "figure-6.svg"
    draw_histogram(path, histogram, scores, theirs.ERROR)
    caption = f"Figure 6. Relative errors of {scores.lists:,} lists, all but the worst 1 %."
    numbers = {
        "source": errors.source,
        "scores": asdict(scores),
        "edges": histogram.edges.tolist(),
        "counts": histogram.counts.tolist(),
        "outside": histogram.outside,
        "when_exported": subject.estimator.manifest.measured.model_dump(),
    }
    return Part(sections.figure_6(errors, scores, subject.estimator.manifest.measured, _picture(path, caption)), numbers)


def _annealing(asked: Asked, subject: Subject) -> Part:
    def show(done: int) -> None:
        print(f"bintally pick: {done} of {asked.repetitions} repetitions", file=sys.stderr, flush=True)

    found = annealed(subject.ladder, subject.places, subject.cart, subject.estimator, asked.seed, asked.repetitions, asked.seconds, show)
    path, (estimated, calculated) = asked.out / "figure-7.svg", found.improvements()
    draw_improvement(path, found.history.tries, estimated, calculated, theirs.SAVING)
    caption = (
        "Figure 7. How much faster than random splits the lists are while they are annealed on estimates; the first repetition's orders."
    )
    numbers = asdict(found) | {"saving": found.saving, "difference": found.difference, "estimated": estimated, "calculated": calculated}
    return Part(sections.figure_7(found, _picture(path, caption)), numbers)


def _picture(path: Path, caption: str) -> Picture:
    try:
        return Picture(path.read_bytes(), caption)
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be read again ({error.strerror}); choose another folder") from error


def _write(asked: Asked, subject: Subject, done: dict[str, Part], missing: Sequence[str]) -> None:
    about = list(_about(asked, subject, missing))
    write_atomically(asked.out / PAGE, page(_TITLE, about, [part.section for part in done.values()]))
    manifest = subject.estimator.manifest
    numbers = {
        "estimator": {"name": manifest.name, "version": manifest.version, "data_digest": manifest.data_digest},
        "ladder": asdict(subject.ladder),
        "cart": asdict(subject.cart),
        "machine": in_words(),
        "lists": asked.lists,
        "seed": asked.seed,
        "seed_system": {name.lower(): getattr(theirs, name) for name in ("ERROR", "AT_ONCE_US", "ALONE_US", "SAVING")},
        "missing": list(missing),
        **{key: part.numbers for key, part in done.items()},
    }
    write_atomically(asked.out / NUMBERS, json.dumps(numbers, indent=1) + "\n")


def _about(asked: Asked, subject: Subject, missing: Sequence[str]) -> Iterator[str]:
    manifest, cart = subject.estimator.manifest, subject.cart
    hands = "any number of" if cart.hands is None else str(cart.hands)
    yield (
        f"Estimator {manifest.name} {manifest.version}; layout {asked.layout.name}: {warehouse(subject.ladder)}, {len(subject.places)} places. "
        f"Worker and cart: {cart.walk_m_s:g} m/s without, {cart.push_m_s:g} m/s with the cart, hands for {hands} items, {cart.park_s:g} s to park."
    )
    yield f"Measured on {datetime.now(timezone.utc):%Y-%m-%d}, {in_words()}; seed {asked.seed}."
    yield "«Seed system» marks what the second seed system reported of itself, on other machines, layouts and lists."
    if missing:
        yield f"Unfinished: {', '.join(key.replace('_', ' ') for key in missing)} still to come."
