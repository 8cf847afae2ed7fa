"""``bintally tune``."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.training.options import Settings
    from trainer.tuning.space import Space
    from trainer.tuning.worker import Objective, Wording

_EPILOG = """\
example: bintally tune --data prepared --out runs/search --trials 20 --workers 2 --report search.html

The same command goes on after Ctrl-C or a kill. The same command on another machine with the same --storage joins the study.
By default the first seed system's space is searched (learning rate 0.001 to 0.1, batches of 32 or 64, 8, 12 or 15 epochs); --space names a
TOML file with another one, a table for each setting that is searched:

  [learning_rate]
  low = 1e-5
  high = 1e-3
  log = true

  [backbone]
  choice = ["resnet18", "resnet50"]
"""


_TRAVEL_TIME_EPILOG = """\
example: bintally tune --task travel-time --data labels --out search --lists 100000 --trials 20 --workers 2 --report search.html

The same command goes on after Ctrl-C or a kill. The same command on another machine with the same --storage joins the study.
By default learning rate, aisle, looks, told and width are searched; --space names a TOML file with another space, a table for each
setting: low and high (and log = true), or choice.
"""


def tune(arguments: Sequence[str]) -> int:
    """search for good settings of a training run, in parallel"""
    from trainer.training.cli import task_of

    task, rest = task_of(arguments)
    return _tune_travel_time(rest) if task == "travel-time" else _tune_counter(rest)


def _tune_counter(arguments: Sequence[str]) -> int:
    from trainer.training.settings import TrainSettings

    parser = _parser("bintally tune", _EPILOG)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders that 'data prepare' wrote, or in ABID's layout")
    parser.add_argument("--weights", type=Path, help="ImageNet weights (state dict of the backbone); torchvision's own by default")
    parser.add_argument("--cache", type=Path, help="folder for decoded frames (default: bintally/frames in the user's cache folder)")
    options, settings, given = _read(parser, arguments, TrainSettings)

    from bintally.search_space import SEED_SPACE
    from trainer.data.prepare import load
    from trainer.tuning.training import Training
    from trainer.tuning.worker import COUNTERS

    space = _space(options, settings, given, SEED_SPACE)
    data = tuple(load(folder) for folder in options.data)
    return _search(
        options, space, ", ".join(one.digest for one in data), Training(data, options.weights, options.cache, options.workers), COUNTERS
    )


def _tune_travel_time(arguments: Sequence[str]) -> int:
    from trainer.travel_time.settings import TravelTimeSettings

    parser = _parser("bintally tune --task travel-time", _TRAVEL_TIME_EPILOG)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders that 'pick label' wrote for one layout")
    parser.add_argument("--label", default="cart_s", help="which of their labels (default: %(default)s)")
    options, settings, given = _read(parser, arguments, TravelTimeSettings)

    from bintally.search_space import TRAVEL_TIME_SPACE
    from trainer.travel_time.lists import load
    from trainer.tuning.training import TravelTimeTraining
    from trainer.tuning.worker import TRAVEL_TIMES

    space = _space(options, settings, given, TRAVEL_TIME_SPACE)
    digest = load(options.data, options.label).digest
    objective = TravelTimeTraining(tuple(folder.absolute() for folder in options.data), options.label, options.workers)
    return _search(options, space, digest, objective, TRAVEL_TIMES)


def _parser(name: str, epilog: str) -> argparse.ArgumentParser:
    """What searches of all tasks have in common."""
    from trainer.training.cli import add_task

    parser = argparse.ArgumentParser(
        prog=name, description=tune.__doc__, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_task(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for the trials, the workers' logs and the database")
    parser.add_argument("--space", type=Path, metavar="TOML", help="what is searched, see below")
    parser.add_argument(
        "--trials", type=int, default=20, help="how many the study has, over all workers and machines (default: %(default)s)"
    )
    parser.add_argument("--workers", type=int, default=1, help="how many trials run on this machine at once (default: %(default)s)")
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="database that machines share: postgresql://user@host/name (its password in ~/.pgpass), or sqlite:///file; "
        "study.db in --out by default",
    )
    parser.add_argument("--study", default="tune", help="name of the study in the database (default: %(default)s)")
    parser.add_argument(
        "--pruner", choices=("median", "hyperband", "none"), default="median", help="rule that ends hopeless trials (default: %(default)s)"
    )
    parser.add_argument("--search-seed", type=int, default=0, help="of what is tried; --seed is the runs' own (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep the checkpoints of all trials, not only the best one's")
    parser.add_argument("--report", type=Path, metavar="HTML", help="write a page about all trials")
    parser.add_argument("--json", action="store_true", help="print the trials as one JSON object")
    return parser


def _read(
    parser: argparse.ArgumentParser, arguments: Sequence[str], kind: type[Settings]
) -> tuple[argparse.Namespace, Settings, list[str]]:
    """The options, the settings among them, and which of these were given."""
    from trainer.training.options import add_settings, settings_from

    add_settings(parser, kind)
    names = [one.name for one in fields(kind)]
    not_given = object()
    options = parser.parse_args(arguments, argparse.Namespace(**dict.fromkeys(names, not_given)))
    given = [name for name in names if getattr(options, name) is not not_given]
    for name in set(names) - set(given):
        setattr(options, name, parser.get_default(name))
    for name in ("trials", "workers"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return options, settings_from(options, kind), given


def _space(options: argparse.Namespace, settings: Settings, given: Sequence[str], default: str) -> Space[Settings]:
    from bintally.errors import UsageError
    from trainer.tuning.space import space_from

    try:
        toml = None if options.space is None else options.space.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{options.space}: cannot be read ({error})") from error
    return space_from(toml, str(options.space or "the default space"), settings, given, default)


def _search(options: argparse.Namespace, space: Space[Any], digest: str, objective: Objective, wording: Wording) -> int:
    from bintally.files import make_folder
    from bintally.logs import log_to_stderr
    from trainer.tuning.pool import run
    from trainer.tuning.report import as_text, summary, write_html
    from trainer.tuning.study import database_url
    from trainer.tuning.watch import progress
    from trainer.tuning.worker import Search

    log_to_stderr(logging.INFO)
    search = Search(
        url=database_url(options.storage or f"sqlite:///{options.out.absolute() / 'study.db'}"),
        study=options.study,
        record=space.record() | {"--data": digest},
        out=options.out,
        space=space,
        objective=objective,
        total=options.trials,
        pruner=options.pruner,
        seed=options.search_seed,
        keep=options.keep,
        wording=wording,
    )
    if options.report is not None:
        make_folder(options.report.absolute().parent)
    with progress(options.trials) as watch:
        study = run(search, options.workers, watch)
    if options.report is not None:
        write_html(options.report, study, search)
    found = summary(study, search)
    print(json.dumps(found) if options.json else as_text(found))
    return 0
