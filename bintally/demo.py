"""``bintally demo``: the whole way from a camera to a ledger on this machine, with the truth beside each count.

The embedded broker, an agent, the ledger's subscriber and its page run as child processes, as they would on several machines. What is
shown here is what the ledger committed. Every bin is counted twice: one look is seldom enough to call the books wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import queue
import secrets
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bintally import abid
from bintally.demo_books import SITE, Books, Found, LedgerClient, free_port, score, write_books
from bintally.demo_children import START_TIMEOUT_S, Children, lines_of
from bintally.errors import InputError, UnavailableError, UsageError

_MAX_RENDERED = 400
_LOOKS = 2
"""At each bin."""
_SCOPES = ("read", "count:correct", "import", "plan", "evidence")


def demo(arguments: Sequence[str]) -> int:
    """count bins from a camera to a ledger on this machine, beside the truth"""
    parser = argparse.ArgumentParser(
        prog="bintally demo",
        description="Start a broker, an agent whose camera shows rendered bins, and a ledger with its page; show each count beside the truth, "
        "and at the end how many of the errors were found that were planted in the books.",
        epilog="example: bintally demo --frames abid/bin-images --seconds 30",
    )
    parser.add_argument("--frames", type=Path, metavar="DIR", help="show these photographs instead; metadata/ beside DIR holds the truth")
    parser.add_argument(
        "--seconds", type=float, default=30, help="how long to count; 0: until Ctrl-C or the last picture came twice (default: %(default)s)"
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

    with _folder(options.keep) as folder, Children(folder) as children:
        photographs = _photographs(options.frames) if options.frames else None
        desk = _Desk(children, folder)
        frames, origin = photographs or _rendered(children, folder, options)
        books = write_books(_truth(frames, _most(options)), options.seed or 0)
        client = desk.open(books)
        show = _Lines(origin) if options.json else _Table(origin)
        totals = Totals()
        with contextlib.suppress(KeyboardInterrupt):
            for count in _counts(children, folder, frames, client, options):
                totals.add(count)
                show.count(count, totals)
        show.end(totals, score(books, totals.bins, client.flagged()) if totals.counts else None)
    if not totals.counts:
        raise UnavailableError("no bin was counted in that time; give more --seconds")
    return 0


@dataclass
class Totals:
    """Sums over the counts so far; a count without a known truth is not judged."""

    counts: int = 0
    bins: set[str] = field(default_factory=set)
    judged: int = 0
    answered: int = 0
    right: int = 0
    frame_ms: list[float] = field(default_factory=list)

    def add(self, count: dict[str, Any]) -> None:
        """Take one count in."""
        self.counts += 1
        self.bins.add(count["bin"])
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
            "bins": len(self.bins),
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


class _Desk:
    """The ledger's page and API on loopback, and a token for this demo alone.

    They start while the bins are rendered.

    Args:
        children: starts them.
        folder: of the ledger and its pictures.
    """

    def __init__(self, children: Children, folder: Path) -> None:
        self._children, self._folder, self._port = children, folder, free_port()
        scopes = (word for scope in _SCOPES for word in ("--scope", scope))
        self._token_maker = children.start("token", *_BINTALLY, "wms", "token", "add", "you", *scopes, "--ledger", _ledger(folder))
        listen, pictures = f"127.0.0.1:{self._port}", str(folder / "evidence")
        children.start("page", *_BINTALLY, "wms", "serve", "--listen", listen, "--ledger", _ledger(folder), "--evidence", pictures)

    def open(self, books: Books) -> LedgerClient:
        """Wait until it is open, and tell it what the books say.

        Raises:
            UnavailableError: it does not open.
        """
        token = self._children.first_line(self._token_maker).strip()
        self._children.wait(self._token_maker)
        (self._folder / "token").touch(0o600)
        (self._folder / "token").write_text(token)
        client = LedgerClient(f"http://127.0.0.1:{self._port}", token)
        gives_up_at = time.monotonic() + START_TIMEOUT_S
        while not client.is_up():
            self._children.check()
            if time.monotonic() > gives_up_at:
                raise UnavailableError(
                    f"the ledger's page did not open within {START_TIMEOUT_S:.0f} s: {self._children.last_words('page')}"
                )
            time.sleep(0.1)
        client.import_books(books)
        return client


def _ledger(folder: Path) -> str:
    return f"sqlite:///{folder / 'ledger.db'}"


def _most(options: argparse.Namespace) -> int:
    """As many bins as can be shown, twice each."""
    wanted = options.seconds / max(options.interval, 0.05) / _LOOKS if options.seconds else _MAX_RENDERED
    return min(_MAX_RENDERED, max(8, int(wanted)))


def _truth(frames: Path, most: int) -> dict[str, int]:
    """What is in the first bins that are shown, as far as somebody knows."""
    found = {}
    for image in sorted(frames.glob("*.jpg"))[: _LOOKS * most]:
        with contextlib.suppress(InputError):
            found[image.stem] = abid.read_metadata(abid.metadata_path(image)).quantity
    return found


def _counts(children: Children, folder: Path, frames: Path, client: LedgerClient, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Start broker, ledger and agent, and yield what the ledger commits until the time is over."""
    broker = children.start("broker", "-m", "deploy.broker", "--end-with-stdin", "--port", str(options.port))
    url = f"mqtt://127.0.0.1:{children.first_line(broker).removeprefix('ready ').strip()}"
    print(f"the ledger's page: {client.login} (as long as this runs; --seconds 300 leaves more time)", file=sys.stderr)
    ledger = children.start("ledger", *_BINTALLY, "wms", "listen", "--broker", url, "--ledger", _ledger(folder), "--json")
    agent_options = ["--source", str(frames), "--broker", url, "--site", SITE, "--station", "camera-1"]
    agent_options += ["--state-dir", str(folder / "state"), "--interval-s", str(options.interval)]
    agent_options += ["--evidence-share", "1", "--evidence-url", f"{client.address}/evidence"]
    agent_options += ["--evidence-token-file", str(folder / "token")]
    if options.bundle:
        agent_options += ["--bundle", str(options.bundle)]
    children.start("agent", *_BINTALLY, "agent", "run", *agent_options)
    lines = lines_of(ledger)
    ends_at: float | None = None
    gives_up_at = time.monotonic() + START_TIMEOUT_S
    shown: Counter[str] = Counter()
    while ends_at is None or not options.seconds or time.monotonic() < ends_at:
        children.check()
        if ends_at is None and time.monotonic() > gives_up_at:
            raise UnavailableError(f"no count came within {START_TIMEOUT_S:.0f} s; the agent said: {children.last_words('agent')}")
        try:
            received = json.loads(lines.get(timeout=0.2))
        except queue.Empty:
            continue
        if ends_at is None:
            ends_at = time.monotonic() + options.seconds
        if received["repeat"]:
            continue
        if shown[received["file"]] == _LOOKS:
            return  # the agent begins once more with the first picture
        shown[received["file"]] += 1
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


def _rendered(children: Children, folder: Path, options: argparse.Namespace) -> tuple[Path, str]:
    """Render as many bins as the demo can show."""
    seed = options.seed if options.seed is not None else 1000 + secrets.randbelow(1_000_000)
    number = _most(options)
    print(f"rendering {number} bins (seed {seed})", file=sys.stderr)
    renderer = children.start(
        "renderer", *_BINTALLY, "scenes", "--out", str(folder / "rendered"), "--number", str(number), "--seed", str(seed)
    )
    children.wait(renderer)
    return folder / "rendered" / abid.IMAGES, f"rendered bins, seed {seed}"


class _Lines:
    """Output for programs."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def count(self, count: dict[str, Any], _: Totals) -> None:
        print(json.dumps({**count, "shown": self._origin}), flush=True)

    def end(self, totals: Totals, found: Found | None) -> None:
        told = {} if found is None else {"wrong_books": found.planted, "wrong_books_found": found.found, "false_alarms": found.false}
        print(json.dumps({**totals.as_json(), **told, "shown": self._origin}), flush=True)


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

    def end(self, totals: Totals, found: Found | None) -> None:
        sums = totals.as_json()
        if not totals.counts:
            return
        counts = f"{totals.counts} counts of {len(totals.bins)} bins committed to the ledger"
        self._console.print(f"\n[bold]{counts}[/bold] ({self._origin})")
        if totals.answered:
            self._console.print(f"  answered  {totals.answered:>5}   of which right {totals.right} ({sums['accuracy_answered']:.1%})")
        self._console.print(f"  unsure    {sums['unsure']:>5}   left to a person")
        if self._origin.startswith("photographs"):
            self._console.print(
                "  [dim]photographs that the counter was trained on flatter it; 'bintally evaluate' scores the held-out part[/dim]"
            )
        if found is not None and found.planted:
            false = f", and {found.false} bins flagged whose books are right" if found.false else ""
            self._console.print(f"  books     {found.planted:>5}   wrong on purpose, {found.found} of them found{false}")
        self._console.print(f"  a frame   {sums['frame_ms_median']:>5.0f} ms for resize, inference and decision (median)")


_BINTALLY = ("-m", "bintally.cli")


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
