"""``bintally demo``: the whole way from a camera to a ledger on this machine, with the truth beside each count.

The embedded broker, an agent and the ledger's subscriber run as child processes, as they would on three machines. What is
shown here is what the ledger committed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import queue
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from typing_extensions import Self

from bintally import abid
from bintally.errors import InputError, UnavailableError, UsageError

_START_TIMEOUT_S = 30.0
_MAX_RENDERED = 400


def demo(arguments: Sequence[str]) -> int:
    """count bins from a camera to a ledger on this machine, beside the truth"""
    parser = argparse.ArgumentParser(
        prog="bintally demo",
        description="Start a broker, an agent whose camera shows rendered bins, and a ledger; show each count beside the truth.",
        epilog="example: bintally demo --frames abid/bin-images --seconds 30",
    )
    parser.add_argument("--frames", type=Path, metavar="DIR", help="show these photographs instead; metadata/ beside DIR holds the truth")
    parser.add_argument(
        "--seconds", type=float, default=30, help="how long to count; 0: until Ctrl-C or the last picture (default: %(default)s)"
    )
    parser.add_argument("--interval", type=float, default=0.25, help="seconds from one bin to the next (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the rendered bins (default: a new one each time)")
    parser.add_argument("--bundle", type=Path, help="the counter; the shipped one by default")
    parser.add_argument("--port", type=int, default=0, help="loopback port of the broker (default: a free one)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep frames, ledger and logs in this folder, which must be empty or new")
    parser.add_argument("--json", action="store_true", help="one JSON object a count, the totals last")
    options = parser.parse_args(arguments)
    if not (0 <= options.seconds < math.inf and 0 <= options.interval < math.inf and 0 <= options.port < 65536):
        raise UsageError("--seconds and --interval must be 0 or more, --port 0 to 65535")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)

    with _folder(options.keep) as folder, _Children(folder) as children:
        frames, origin = _photographs(options.frames) if options.frames else _rendered(children, folder, options)
        show = _Lines(origin) if options.json else _Table(origin)
        totals = Totals()
        with contextlib.suppress(KeyboardInterrupt):
            for count in _counts(children, folder, frames, options):
                totals.add(count)
                show.count(count, totals)
        show.end(totals)
    if not totals.counts:
        raise UnavailableError("no bin was counted in that time; give more --seconds")
    return 0


@dataclass
class Totals:
    """Sums over the counts so far; a count without a known truth is not judged."""

    counts: int = 0
    judged: int = 0
    answered: int = 0
    right: int = 0
    frame_ms: list[float] = field(default_factory=list)

    def add(self, count: dict[str, Any]) -> None:
        """Take one count in."""
        self.counts += 1
        self.frame_ms.append(count["frame_ms"])
        if count["truth"] is None:
            return
        self.judged += 1
        self.answered += not count["unsure"]
        self.right += bool(count["right"])

    def as_json(self) -> dict[str, Any]:
        """The last line for programs."""
        return {
            "totals": True,
            "counts": self.counts,
            "judged": self.judged,
            "answered": self.answered,
            "unsure": self.judged - self.answered,
            "right": self.right,
            "accuracy_answered": self.right / self.answered if self.answered else None,
            "accuracy_all": self.right / self.judged if self.judged else None,
            "frame_ms_median": statistics.median(self.frame_ms) if self.frame_ms else None,
        }


def judge(counted: int | None, at_least: int | None, truth: int) -> bool:
    """Whether an answer is right; «unsure» is not."""
    return counted == truth or (at_least is not None and truth >= at_least)


def _counts(children: _Children, folder: Path, frames: Path, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Start broker, ledger and agent, and yield what the ledger commits until the time is over."""
    broker = children.start("broker", "-m", "deploy.broker", "--end-with-stdin", "--port", str(options.port))
    url = f"mqtt://127.0.0.1:{children.first_line(broker).removeprefix('ready ').strip()}"
    ledger = children.start(
        "ledger", *_BINTALLY, "wms", "listen", "--broker", url, "--ledger", f"sqlite:///{folder / 'ledger.db'}", "--json"
    )
    agent_options = ["--source", str(frames), "--broker", url, "--site", "demo", "--station", "camera-1"]
    agent_options += ["--state-dir", str(folder / "state"), "--interval-s", str(options.interval)]
    if options.bundle:
        agent_options += ["--bundle", str(options.bundle)]
    children.start("agent", *_BINTALLY, "agent", "run", *agent_options)
    lines = _lines(ledger)
    ends_at: float | None = None
    gives_up_at = time.monotonic() + _START_TIMEOUT_S
    shown: set[str] = set()
    while ends_at is None or not options.seconds or time.monotonic() < ends_at:
        children.check()
        if ends_at is None and time.monotonic() > gives_up_at:
            raise UnavailableError(f"no count came within {_START_TIMEOUT_S:.0f} s; the agent said: {children.last_words('agent')}")
        try:
            received = json.loads(lines.get(timeout=0.2))
        except queue.Empty:
            continue
        if ends_at is None:
            ends_at = time.monotonic() + options.seconds
        if received["file"] in shown:
            return  # the agent begins again with the first picture
        if not received["repeat"]:
            shown.add(received["file"])
            yield _beside_truth(received, frames)


def _beside_truth(received: dict[str, Any], frames: Path) -> dict[str, Any]:
    names = ("bin", "counted", "at_least", "unsure", "confidence", "frame_ms", "file")
    count = {name: received[name] for name in names}
    try:
        count["truth"] = abid.read_metadata(abid.metadata_path(frames / received["file"])).quantity
        count["right"] = judge(count["counted"], count["at_least"], count["truth"])
    except InputError as error:
        print(f"bintally demo: {error}", file=sys.stderr)
        count["truth"] = count["right"] = None
    return count


def _photographs(folder: Path) -> tuple[Path, str]:
    """Check that a folder holds photographs and that their truth stands beside it."""
    images = folder / abid.IMAGES if (folder / abid.IMAGES).is_dir() else folder
    if not images.is_dir():
        raise InputError(f"{folder}: no such folder of photographs")
    first = min(images.glob("*.jpg"), default=None)
    if first is None:
        raise InputError(f"{images}: no .jpg file in it")
    abid.read_metadata(abid.metadata_path(first.resolve()))
    return images.resolve(), f"photographs of {images}"


def _rendered(children: _Children, folder: Path, options: argparse.Namespace) -> tuple[Path, str]:
    """Render as many bins as the demo can show."""
    seed = options.seed if options.seed is not None else 1000 + secrets.randbelow(1_000_000)
    wanted = options.seconds / max(options.interval, 0.05) if options.seconds else _MAX_RENDERED
    number = min(_MAX_RENDERED, max(8, int(wanted)))
    print(f"rendering {number} bins (seed {seed})", file=sys.stderr)
    renderer = children.start(
        "renderer", *_BINTALLY, "scenes", "--out", str(folder / "rendered"), "--number", str(number), "--seed", str(seed)
    )
    renderer.wait()
    children.check()
    children.forget(renderer)
    return folder / "rendered" / abid.IMAGES, f"rendered bins, seed {seed}"


class _Lines:
    """Output for programs."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def count(self, count: dict[str, Any], _: Totals) -> None:
        print(json.dumps({**count, "shown": self._origin}), flush=True)

    def end(self, totals: Totals) -> None:
        print(json.dumps({**totals.as_json(), "shown": self._origin}), flush=True)


class _Table:
    """Output for people."""

    def __init__(self, origin: str) -> None:
        from rich.console import Console
        from rich.markup import escape

        self._escape = escape
        origin = escape(origin)
        self._console = Console(highlight=False)
        self._origin = origin
        self._console.print(f"[bold]{origin}[/bold] → agent → MQTT broker → ledger\n")
        self._console.print("[dim]bin          truth  counted    sure    frame  right so far[/dim]")

    def count(self, count: dict[str, Any], totals: Totals) -> None:
        answer = "unsure" if count["unsure"] else f"{count['at_least']} or more" if count["at_least"] else str(count["counted"])
        colour = {True: "green", False: "red", None: "white"}[count["right"]] if not count["unsure"] else "yellow"
        truth = "?" if count["truth"] is None else str(count["truth"])
        so_far = f"{totals.right} of {totals.answered} answered"
        share = f" ({totals.right / totals.answered:.0%})" if totals.answered else ""
        name = self._escape(f"{count['bin'][:12]:<12}")
        self._console.print(
            f"{name} {truth:>5}  [{colour}]{answer:<9}[/{colour}]  {count['confidence']:>4.0%}  {count['frame_ms']:>4.0f} ms  {so_far}{share}"
        )

    def end(self, totals: Totals) -> None:
        sums = totals.as_json()
        if not totals.counts:
            return
        self._console.print(f"\n[bold]{totals.counts} bins counted and committed to the ledger[/bold] ({self._origin})")
        if totals.answered:
            self._console.print(f"  answered  {totals.answered:>5}   of which right {totals.right} ({sums['accuracy_answered']:.1%})")
        self._console.print(f"  unsure    {sums['unsure']:>5}   left to a person")
        if self._origin.startswith("photographs"):
            self._console.print(
                "  [dim]photographs that the counter was trained on flatter it; 'bintally evaluate' scores the held-out part[/dim]"
            )
        self._console.print(f"  a frame   {sums['frame_ms_median']:>5.0f} ms for resize, inference and decision (median)")


_BINTALLY = ("-m", "bintally.cli")


class _Children:
    """The child processes; all of them end with the demo, the last one started first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[str, subprocess.Popen[str]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, signal.SIG_IGN) for number in numbers]  # a second signal must not leave children behind
        for _name, child in reversed(self._running):
            _signal_session(child, signal.SIGTERM)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                _signal_session(child, signal.SIGKILL)
                child.wait()
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

    def start(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        """Start this Python with arguments; its standard error goes to ``<name>.log``."""
        with (self._folder / f"{name}.log").open("w") as log:
            child = subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is ours to handle
                env={key: value for key, value in os.environ.items() if not key.startswith("BINTALLY_")},
            )
        self._running.append((name, child))
        return child

    def first_line(self, child: subprocess.Popen[str]) -> str:
        """Wait for the first line that a child prints."""
        lines = _lines(child)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                return lines.get(timeout=0.1)
            self.check()
        raise UnavailableError(f"the broker said nothing within {_START_TIMEOUT_S:.0f} s")

    def check(self) -> None:
        """See that none has failed.

        Raises:
            UnavailableError: one has; with the last line that it wrote.
        """
        for name, child in self._running:
            if child.poll() not in (None, 0) or (child.poll() == 0 and name != "renderer"):
                raise UnavailableError(f"the {name} stopped: {self.last_words(name) or f'exit code {child.returncode}'}")

    def last_words(self, name: str) -> str:
        """The last line that a child wrote to its log."""
        said = (self._folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return said[-1] if said else ""

    def forget(self, child: subprocess.Popen[str]) -> None:
        """A child has done its work."""
        self._running = [entry for entry in self._running if entry[1] is not child]


def _signal_session(child: subprocess.Popen[str], number: int) -> None:
    """Signal a child and what it started; each child leads a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def _lines(child: subprocess.Popen[str]) -> queue.Queue[str]:
    """The lines that a child prints, read by a thread so that nobody blocks."""
    lines: queue.Queue[str] = queue.Queue()
    stream = child.stdout
    if stream is None:
        raise ValueError("the child has no pipe")

    def read(stream: IO[str]) -> None:
        for line in stream:
            lines.put(line)

    threading.Thread(target=read, args=(stream,), name="lines", daemon=True).start()
    return lines


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="bintally-demo-") as name:
            yield Path(name)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UsageError(f"{keep}: is in the way; --keep takes a new or empty folder")
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"{keep}: cannot make this folder ({error.strerror})") from error
    yield keep.resolve()
