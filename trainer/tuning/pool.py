"""The workers of a search on this machine: processes of their own, each with a log file, watched until the study is done."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from multiprocessing.context import SpawnProcess
from pathlib import Path

import optuna
import structlog

from bintally.errors import BintallyError, InputError, UnavailableError
from bintally.files import make_folder
from bintally.logs import log_to_stderr
from bintally.signals import stop_on_signal
from trainer.tuning import slots
from trainer.tuning.study import table, translated
from trainer.tuning.worker import Search, failures, work

_LOOK_EVERY_S = 1.0
Watch = Callable[[slots.Trials], None]
log = structlog.get_logger()


@dataclass(frozen=True)
class _Started:
    process: SpawnProcess
    word: Connection
    log_file: Path

    def error(self) -> BintallyError | None:
        """Why it ended, None if its work was done."""
        word = None
        if self.word.poll():
            try:
                word = self.word.recv()
            except EOFError:
                word = None
        code = self.process.exitcode
        if isinstance(word, BintallyError) or code == 0:
            return word
        if code is not None and code < 0:
            how = signal.Signals(-code).name
            return UnavailableError(f"{self.process.name} was killed ({how}; for want of memory, perhaps); the same command goes on")
        return UnavailableError(f"{self.process.name} broke down; {self.log_file} says why; the same command goes on")


def run(search: Search, workers: int, watch: Watch) -> optuna.Study:
    """Search with some workers on this machine, beside those that other machines may have on the same study.

    The trials of a worker that is killed are taken over by the others; only when none is left is it an error.

    Args:
        search: what to do.
        workers: processes to start; none is started when all trials have ended.
        watch: is given the table of trials now and then.

    Returns:
        The study, all trials of which have ended.

    Raises:
        InputError: all trials failed.
        KeyboardInterrupt: SIGINT or SIGTERM came; the workers have ended, and the same command goes on.
        UnavailableError: database or disk do not answer, or all workers were killed.
        UsageError: the study was begun with something else.
    """
    make_folder(search.out)
    study = search.open()
    started: list[_Started] = []
    with translated(search.url):
        try:
            with stop_on_signal() as asked:
                if slots.next_step(table(study), search.total) != "done":
                    started = [_start(search, index) for index in range(workers)]
                _watch_until_done(study, started, asked, watch)
        finally:
            _end([one.process for one in started])
        trials = table(study)
        watch(trials)
        if asked.is_set():
            raise KeyboardInterrupt
    errors = [error for one in started if (error := one.error()) is not None]
    if slots.next_step(trials, search.total) != "done":
        raise errors[0] if errors else UnavailableError("the workers ended before the study did; the same command goes on")
    if slots.best(trials) is None and all(slots.failed(trial) for trial in slots.ended(trials)):
        raise InputError(failures(slots.ended(trials)))
    return study


def _start(search: Search, index: int) -> _Started:
    log_file = make_folder(search.out / "logs") / f"{socket.gethostname()}-{index}.log"
    context = multiprocessing.get_context("spawn")  # a fork would share the database's connections and torch's threads
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_worker, args=(search, index, log_file, theirs), name=f"worker-{index}")
    process.start()
    theirs.close()
    log.info("worker", name=process.name, pid=process.pid, log=str(log_file))
    return _Started(process, ours, log_file)


def _watch_until_done(study: optuna.Study, started: Sequence[_Started], asked: threading.Event, watch: Watch) -> None:
    running = list(started)
    while running and not asked.is_set():
        wait_for([one.process.sentinel for one in running], _LOOK_EVERY_S)
        for one in [one for one in running if not one.process.is_alive()]:
            running.remove(one)
            if running and one.process.exitcode != 0:
                log.warning("worker-ended", name=one.process.name, exit_code=one.process.exitcode, left=len(running), log=str(one.log_file))
        watch(table(study))


def _end(processes: Sequence[SpawnProcess]) -> None:
    """Let the workers save what they have; a second Ctrl-C kills them."""
    for process in processes:
        process.terminate()
    try:
        for process in processes:
            process.join()
    except KeyboardInterrupt:
        for process in processes:
            process.kill()
        raise


def _worker(search: Search, index: int, log_file: Path, word: Connection) -> None:
    """The main function of a worker process."""
    _log_to(log_file)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    os.environ["LOCAL_RANK"] = str(index)
    try:
        with stop_on_signal() as stop:
            work(search, stop)
    except BintallyError as error:
        log.error("worker-gave-up", reason=str(error))  # noqa: TRY400 - the text says it all
        word.send(error)
        sys.exit(1)
    except KeyboardInterrupt:
        log.info("stopped")
        sys.exit(130)


def _log_to(path: Path) -> None:
    with path.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    log_to_stderr()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
