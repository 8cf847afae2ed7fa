"""The study in its database: opened by every worker, checked against what it was begun with."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import optuna
import sqlalchemy as sa
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from bintally.errors import UnavailableError, UsageError
from trainer.tuning import slots
from trainer.tuning.space import difference

PrunerName = Literal["median", "hyperband", "none"]
HEARTBEAT_S, GRACE_S = 30, 120
_LOCK_TIMEOUT_S, _CONNECT_TIMEOUT_S = 60, 10
_TRIES = 8
_BEGUN_WITH = "begun-with"


def database_url(given: str) -> sa.URL:
    """The address of a database, with the driver that comes with the trainer.

    Raises:
        UsageError: it is none, or of another kind than SQLite and PostgreSQL.
    """
    try:
        url = sa.make_url(given)
    except sa.exc.ArgumentError as error:
        raise UsageError("--storage: not a database URL; for instance sqlite:///study.db or postgresql://user@host/name") from error
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise UsageError(f"--storage: {url.drivername} is not supported; use sqlite:/// or postgresql://")
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise UsageError("--storage: workers cannot share an SQLite database in memory; name a file, for instance sqlite:///study.db")
    return url


def open_study(
    url: sa.URL,
    name: str,
    record: Mapping[str, str],
    pruner: BasePruner,
    heartbeat_s: int = HEARTBEAT_S,
    grace_s: int = GRACE_S,
) -> Study:
    """Open a study, or begin it.

    Args:
        url: what ``database_url`` gave.
        name: of the study in the database.
        record: what the study must have been begun with.
        pruner: judges the trials of this process.
        heartbeat_s: seconds between two signs of life of a running trial.
        grace_s: seconds without one after which a trial counts as lost.

    Raises:
        UnavailableError: the database does not answer, or cannot be written to.
        UsageError: the study was begun with something else.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # a worker says itself what happens
    with translated(url), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        storage = _storage(url, heartbeat_s, grace_s)
        study = optuna.create_study(storage=storage, study_name=name, pruner=pruner, direction="minimize", load_if_exists=True)
        if _BEGUN_WITH not in study.user_attrs:
            study.set_user_attr(_BEGUN_WITH, dict(record))
        changed = difference(study.user_attrs[_BEGUN_WITH], record)
    if changed is not None:
        raise UsageError(f"study {name} in {url}: {changed}; give the same options, or another --study")
    return study


@contextmanager
def translated(url: sa.URL) -> Iterator[None]:
    """Turn a database's errors into ours."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, StorageInternalError) as error:
        reason = error.__cause__ if isinstance(error, StorageInternalError) else error
        first_line = str(getattr(reason, "orig", None) or reason).splitlines()[0]
        raise UnavailableError(f"database {url}: {first_line}; check address, path and rights; the same command goes on") from error


def table(study: Study) -> list[FrozenTrial]:
    """All trials of the study as they are in the database now, by number."""
    return sorted(study.get_trials(deepcopy=False), key=lambda trial: trial.number)


def take_back(study: Study, total: int, grace_s: int) -> None:
    """Find the trials of killed workers, and put them and those of stopped ones into the queue again with the same parameters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    for trial in table(study):
        if slots.never_began(trial, datetime.now() - timedelta(seconds=grace_s)):  # noqa: DTZ005 - Optuna stores local times
            with suppress(ValueError):  # another worker was quicker
                study.tell(trial.number, state=TrialState.FAIL)
    for trial in slots.lost(table(study), total):
        study.enqueue_trial(trial.params, user_attrs={slots.RETRIES: trial.number})


def sampler(seed: int, number: int) -> TPESampler:
    """The sampler of one trial: workers and restarts never draw what another one drew.

    Source:
        Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization, section 4. Running trials count as bad ones («constant liar»).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=int(np.random.SeedSequence((seed, number)).generate_state(1)[0]), constant_liar=True)


def pruner_of(name: PrunerName, most_epochs: int) -> BasePruner:
    """The rule that ends hopeless trials; no trial is judged by its first epoch, in which the learning rate still rises.

    Source:
        Li et al. 2018, Hyperband, section 3.2.
    """
    pruners: dict[PrunerName, Callable[[], BasePruner]] = {
        "median": lambda: MedianPruner(n_startup_trials=5, n_warmup_steps=2),
        "hyperband": lambda: HyperbandPruner(min_resource=2, max_resource=max(most_epochs, 3), reduction_factor=3),
        "none": NopPruner,
    }
    return pruners[name]()


def _storage(url: sa.URL, heartbeat_s: int, grace_s: int) -> RDBStorage:
    """Open the tables or make them; of processes that make them at once, one succeeds and the others find them at a later try."""
    connect = {"timeout": _LOCK_TIMEOUT_S} if url.drivername == "sqlite" else {"connect_timeout": _CONNECT_TIMEOUT_S}
    engine = {"connect_args": connect, "pool_pre_ping": True}
    text = url.render_as_string(hide_password=False)
    for tries_left in reversed(range(_TRIES)):
        try:
            return RDBStorage(text, engine, heartbeat_interval=heartbeat_s, grace_period=grace_s)
        except (sa.exc.SQLAlchemyError, StorageInternalError) as error:
            if not tries_left or "already exists" not in str(error.__cause__ or error):
                raise
            time.sleep(random.uniform(0.05, 0.5))  # noqa: S311 - so that they do not meet again
    raise AssertionError
