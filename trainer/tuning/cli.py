"""``bintally tune``."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

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


def tune(arguments: Sequence[str]) -> int:
    """search for good settings of a training run, in parallel"""
    from trainer.training.options import add_settings, settings_from
    from trainer.training.settings import TrainSettings

    parser = argparse.ArgumentParser(
        prog="bintally tune", description=tune.__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders that 'data prepare' wrote, or in ABID's layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for the trials, the workers' logs and the database")
    parser.add_argument("--weights", type=Path, help="ImageNet weights (state dict of the backbone); torchvision's own by default")
    parser.add_argument("--cache", type=Path, help="folder for decoded frames (default: bintally/frames in the user's cache folder)")
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
    add_settings(parser)
    names = [one.name for one in fields(TrainSettings)]
    not_given = object()
    options = parser.parse_args(arguments, argparse.Namespace(**dict.fromkeys(names, not_given)))
    given = [name for name in names if getattr(options, name) is not not_given]
    for name in set(names) - set(given):
        setattr(options, name, parser.get_default(name))
    for name in ("trials", "workers"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")

    from bintally.errors import UsageError
    from bintally.files import make_folder
    from bintally.logs import log_to_stderr
    from trainer.data.prepare import load
    from trainer.tuning.pool import run
    from trainer.tuning.report import as_text, summary, write_html
    from trainer.tuning.space import space_from
    from trainer.tuning.study import database_url
    from trainer.tuning.training import Training
    from trainer.tuning.watch import progress
    from trainer.tuning.worker import Search

    log_to_stderr(logging.INFO)
    try:
        toml = None if options.space is None else options.space.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{options.space}: cannot be read ({error})") from error
    space = space_from(toml, str(options.space or "the default space"), settings_from(options), given)
    data = tuple(load(folder) for folder in options.data)
    search = Search(
        url=database_url(options.storage or f"sqlite:///{options.out.absolute() / 'study.db'}"),
        study=options.study,
        record=space.record() | {"--data": ", ".join(one.digest for one in data)},
        out=options.out,
        space=space,
        objective=Training(data, options.weights, options.cache, options.workers),
        total=options.trials,
        pruner=options.pruner,
        seed=options.search_seed,
        keep=options.keep,
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
