"""The demo's books: what they expect in each bin, and how many of their errors were found. Some are wrong on purpose.

Errors are planted where a counter can see them: it tells 0 to 5 apart, and calls the rest «6 or more».
"""

from __future__ import annotations

import json
import random
import socket
import urllib.error
import urllib.request
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bintally.errors import UnavailableError

SITE = "demo"
_OPEN = 6
_WRONG_EACH = 6
_FURTHEST = 3
_AISLES, _PITCH_M, _SIDES = 4, 1.5, 2
_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Books:
    """What the books say of the demo's bins.

    Attributes:
        expected: quantity of each bin.
        planted: the bins of which they are wrong.
    """

    expected: Mapping[str, int]
    planted: frozenset[str]


@dataclass(frozen=True)
class Found:
    """What came of the errors.

    Attributes:
        planted: wrong books of bins that were counted.
        found: of them those with a discrepancy.
        false: discrepancies of bins whose books are right.
    """

    planted: int
    found: int
    false: int


def write_books(truth: Mapping[str, int], seed: int) -> Books:
    """Books of which every sixth bin's are wrong.

    Args:
        truth: what is in each bin.
        seed: of the errors.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    planted = frozenset(rng.sample(sorted(truth), len(truth) // _WRONG_EACH))
    return Books({bin_: _mistaken(rng, items) if bin_ in planted else items for bin_, items in truth.items()}, planted)


def _mistaken(rng: random.Random, truth: int) -> int:
    """Another quantity, near by, that a counter tells from the true one."""
    shown = min(truth, _OPEN)
    return rng.choice([quantity for quantity in range(_OPEN + 1) if quantity != shown and abs(quantity - shown) <= _FURTHEST])


def score(books: Books, counted: Collection[str], flagged: Iterable[str]) -> Found:
    """How many errors were found, among the bins that were counted."""
    planted, open_ = books.planted & set(counted), set(flagged)
    return Found(len(planted), len(planted & open_), len(open_ - books.planted))


def place_bins(bins: Iterable[str]) -> tuple[list[dict[str, Any]], str]:
    """A place for each bin, on both sides of four aisles, and the layout of this small hall."""
    names = sorted(bins)
    rows = -(-len(names) // (_AISLES * _SIDES))
    spots = [divmod(number, max(1, rows * _SIDES)) for number in range(len(names))]
    places = [
        {"bin": name, "aisle": aisle, "position_m": _PITCH_M * (along // _SIDES + 1)}
        for name, (aisle, along) in zip(names, spots, strict=True)
    ]
    layout = (
        f'[layout]\naisles = {_AISLES}\naisle_pitch_m = 3.0\ndepot = {{ x_m = 0.0, cross_aisle = "front" }}\n\n'
        f"[[layout.blocks]]\nlength_m = {_PITCH_M * (rows + 1):g}\n"
    )
    return places, layout


class LedgerClient:
    """The ledger's HTTP API on this machine.

    Args:
        address: ``http://127.0.0.1:PORT``.
        token: that may read, import and bring pictures.
    """

    def __init__(self, address: str, token: str) -> None:
        self.address, self._token = address, token

    @property
    def login(self) -> str:
        """Where the page has the token typed in already; behind ``#``, so that no server and no log sees it."""
        return f"{self.address}/login#{self._token}"

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=1) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except OSError:
            return False

    def import_books(self, books: Books) -> None:
        """Tell it what is expected, and where the bins are.

        Raises:
            UnavailableError: it does not answer, or does not take them.
        """
        places, layout = place_bins(books.expected)
        self._send("PUT", f"/v1/sites/{SITE}/layout", layout.encode(), "application/toml")
        self._send("POST", f"/v1/places?site={SITE}", json.dumps(places).encode(), "application/json")
        rows = [{"bin": bin_, "quantity": quantity, "article": f"article {bin_}"} for bin_, quantity in books.expected.items()]
        self._send("POST", f"/v1/expected?site={SITE}", json.dumps(rows).encode(), "application/json")

    def flagged(self) -> list[str]:
        """Bins with a discrepancy.

        Raises:
            UnavailableError: it does not answer.
        """
        answer = self._send("GET", f"/v1/discrepancies?site={SITE}&state=unsettled&kind=mismatch&limit=1000")
        return [one["bin"] for one in json.loads(answer)["items"]]

    def _send(self, method: str, target: str, body: bytes | None = None, kind: str = "") -> bytes:
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Content-Type": kind} if kind else {})
        request = urllib.request.Request(self.address + target, body, headers, method=method)  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - likewise
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            raise UnavailableError(
                f"the ledger's API refused {method} {target}: {error.read()[:300].decode('utf-8', 'replace')}"
            ) from error
        except OSError as error:
            raise UnavailableError(f"the ledger's API does not answer ({error}); --keep DIR keeps its log") from error


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
