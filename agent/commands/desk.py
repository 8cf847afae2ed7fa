"""The desk where commands arrive: each accepted one is executed at most once, and answered once (pure: no socket, no clock).

A command is *waiting* until ``orders`` hands it out, *running* until it is done, rejected or out of time, then *answered*. A
message expiry and ``expires_at`` bound the time until it is handed out; ``timeout_s`` bounds the whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import structlog

from agent.commands.bins import check_bin
from agent.delivery.incoming import Incoming
from bintally.errors import InputError, UsageError
from bintally.messages import Answer, Command, Recount, parse_command
from bintally.topics import PREFIX

MAX_OPEN = 32
"""Commands that are accepted and not answered; one more is rejected."""
REMEMBER_S, REMEMBER_PLAIN_S = 600.0, 10.0
"""How long an answered command is known again: with correlation data, and without, where a person may well mean it twice."""
MAX_REMEMBERED, MAX_REMEMBERED_BYTES = 1000, 4 * 2**20
MAX_PAYLOAD_BYTES = 64 * 2**10
TIMEOUT_S = 30.0
"""For commands that have no ``timeout_s`` of their own."""
ANSWER_EXPIRES_S = 300
_MAX_REASON = 1000
_FOREVER = float("inf")
_Key = tuple[str | None, bytes | None, str | None]
log = structlog.get_logger()


@dataclass(frozen=True)
class Reply:
    """An answer to publish, QoS 1 and not retained.

    Attributes:
        topic: the response topic of the command.
        payload: an ``Answer``.
        correlation: the command's correlation data.
        expires_s: MQTT 5 message expiry.
    """

    topic: str
    payload: bytes
    correlation: bytes | None
    expires_s: int


@dataclass(frozen=True)
class Order:
    """A command that is to be executed now.

    Attributes:
        number: grows with each accepted command.
        name: last level of its topic.
        command: its arguments.
        region: recount: the number of the region that is meant.
        bin: recount: the bin as the command names it. Where the region has no fixed bin, it is this one from now on. None: as it is.
        give_up_at: monotonic seconds; ``expire`` answers it then.
    """

    number: int
    name: str
    command: Command
    region: int | None
    bin: str | None
    give_up_at: float


@dataclass
class _Case:
    order: Order
    key: _Key
    digest: bytes
    topic: str | None
    correlation: bytes | None
    start_by: float
    phase: Literal["waiting", "running", "answered"] = "waiting"
    reply: Reply | None = None
    remember_until: float = _FOREVER

    def too_late(self, now: float, wall: datetime) -> bool:
        until = self.order.command.expires_at
        return now >= self.start_by or (until is not None and wall >= until)


class Desk:
    """Takes commands and says what to execute; used by one thread.

    Args:
        session: of the running agent, for the answers.
        bins: the bin of each region, as settings fix it or its label was read; None where it is neither. The only region of a
            station may then be named by a recount.
    """

    def __init__(self, session: str, bins: Callable[[], Sequence[str | None]]) -> None:
        self._session, self._bins = session, bins
        self._numbers = 0
        self._open: dict[int, _Case] = {}
        self._known: dict[_Key, _Case] = {}
        self._answered: deque[_Case] = deque()
        self._answered_bytes = 0

    def take(self, incoming: Incoming, now: float, wall: datetime) -> list[Reply]:
        """Look at a command that came.

        Args:
            incoming: of the kind ``cmd``.
            now: monotonic seconds.
            wall: time of day, with its zone.

        Returns:
            Its answer, where it wants one: accepted; rejected with the reason; or for a repeat what it was told last.

        Raises:
            UsageError: it is no command.
        """
        if incoming.kind != "cmd":
            raise UsageError(f"{incoming.kind}: the desk takes commands only")
        if not _can_answer_to(incoming.response_topic):
            log.warning("command ignored", command=incoming.name, reason="its response topic cannot be answered to")
            return []
        try:
            case = self._repeated(incoming, now) or self._accept(incoming, now, wall)
        except InputError as error:
            name = (incoming.name or "")[:40]
            log.warning("command rejected", command=name, reason=str(error)[:_MAX_REASON])
            reply = self._reply(incoming.response_topic, incoming.correlation, name, "rejected", reason=str(error))
            return [] if reply is None else [reply]
        return _listed(case.reply)

    def orders(self, now: float, wall: datetime) -> list[Order]:
        """What is to be executed from now on, each command once, the oldest first; of one region one recount at a time."""
        counting = {case.order.region for case in self._open.values() if case.phase == "running"}
        ready = []
        for case in self._open.values():
            busy = case.order.region is not None and case.order.region in counting
            if case.phase != "waiting" or busy or case.too_late(now, wall):
                continue
            case.phase = "running"
            counting.add(case.order.region)
            ready.append(case.order)
        return ready

    def is_open(self, order: Order) -> bool:
        """Whether an order still wants to be executed and answered."""
        case = self._open.get(order.number)
        return case is not None and case.order is order

    def done(self, order: Order, result: dict[str, Any], now: float) -> list[Reply]:
        """An order was executed; nothing happens where it was answered already, because its time ran out."""
        return self._answer(order, now, "done", result=result)

    def rejected(self, order: Order, reason: str, now: float) -> list[Reply]:
        """An order cannot be executed; nothing happens where it was answered already."""
        return self._answer(order, now, "rejected", reason=reason)

    def expire(self, now: float, wall: datetime) -> list[Reply]:
        """Reject what ran out of time."""
        replies = []
        for case in list(self._open.values()):
            if case.phase == "waiting" and case.too_late(now, wall):
                replies += self.rejected(case.order, "it expired before its turn came", now)
            elif case.phase == "running" and now >= case.order.give_up_at:
                what = "the bin did not come to rest in time" if isinstance(case.order.command, Recount) else "it was not done in time"
                replies += self.rejected(case.order, what, now)
        self._forget(now)
        return replies

    def close(self, now: float) -> list[Reply]:
        """Reject everything that is open, because the station stops."""
        orders = [case.order for case in self._open.values()]
        return [reply for order in orders for reply in self.rejected(order, "the station stops; send it again when it is back", now)]

    def _repeated(self, incoming: Incoming, now: float) -> _Case | None:
        """The command that this one repeats.

        With correlation data it is that which names a command; without, only the latest of its name counts, so that of the three
        commands A, B, A the last is obeyed.
        """
        if incoming.retained:
            raise InputError("a retained command would be obeyed at every connection; publish it without retain")
        known = self._known.get(_key(incoming))
        if known is None or known.remember_until <= now:
            return None
        if known.digest == _digest(incoming):
            return known
        if incoming.correlation is not None:
            raise InputError("its correlation data was used for another command; use new data for each")
        return None

    def _accept(self, incoming: Incoming, now: float, wall: datetime) -> _Case:
        if len(incoming.payload) > MAX_PAYLOAD_BYTES:
            raise InputError(f"payload: {len(incoming.payload)} bytes; a command has {MAX_PAYLOAD_BYTES} at most")
        name = incoming.name or ""
        command = parse_command(name, incoming.payload)
        recount = command if isinstance(command, Recount) else None
        region = None if recount is None else self._region(recount)
        give_up_at = now + (TIMEOUT_S if recount is None else recount.timeout_s)
        start_by = min(give_up_at, _FOREVER if incoming.expires_in_s is None else incoming.received_at + incoming.expires_in_s)
        order = Order(self._numbers + 1, name, command, region, recount.bin if recount else None, give_up_at)
        case = _Case(order, _key(incoming), _digest(incoming), incoming.response_topic, incoming.correlation, start_by)
        if case.too_late(now, wall):
            told = "" if command.expires_at is None else f" (at {command.expires_at.isoformat()}; here it is {wall.isoformat()})"
            raise InputError(f"it had expired when it came{told}; check the clocks where that is a surprise")
        if len(self._open) >= MAX_OPEN:
            raise InputError(f"{MAX_OPEN} commands wait already; send it again later")
        case.reply = self._reply(case.topic, case.correlation, name, "accepted")
        self._numbers = order.number
        self._open[order.number] = self._known[case.key] = case
        return case

    def _region(self, recount: Recount) -> int:
        bins = list(self._bins())
        seen = ", ".join("one without a fixed name" if name is None else name for name in bins)
        if recount.bin is None:
            if len(bins) == 1:
                return 0
            raise InputError(f"bin: say which; this station sees {seen or 'none yet'}")
        check_bin(recount.bin)
        if recount.bin in bins:
            return bins.index(recount.bin)
        if bins == [None]:
            return 0
        raise InputError(f"bin: this station does not see {recount.bin!r}; it sees {seen or 'none yet'}")

    def _answer(
        self, order: Order, now: float, status: Literal["done", "rejected"], reason: str | None = None, result: dict[str, Any] | None = None
    ) -> list[Reply]:
        if not self.is_open(order):
            return []
        case = self._open[order.number]
        reply = self._reply(case.topic, case.correlation, order.name, status, reason, result)
        del self._open[order.number]
        case.phase, case.reply = "answered", reply
        case.remember_until = now + (REMEMBER_PLAIN_S if case.correlation is None else REMEMBER_S)
        if self._known.get(case.key) is case:
            self._answered.append(case)
            self._answered_bytes += _size(case)
        self._forget(now)
        return _listed(reply)

    def _forget(self, now: float) -> None:
        """Forget what was answered long ago, and the oldest answers where they are too many or too large."""
        while self._answered:
            case = self._answered[0]
            fits = len(self._answered) <= MAX_REMEMBERED and self._answered_bytes <= MAX_REMEMBERED_BYTES
            if fits and case.remember_until > now:
                break
            self._answered.popleft()
            self._answered_bytes -= _size(case)
            if self._known.get(case.key) is case:
                del self._known[case.key]

    def _reply(
        self,
        topic: str | None,
        correlation: bytes | None,
        name: str,
        status: Literal["accepted", "done", "rejected"],
        reason: str | None = None,
        result: dict[str, Any] | None = None,
    ) -> Reply | None:
        if topic is None:
            return None
        answer = Answer(command=name, status=status, reason=reason and reason[:_MAX_REASON], session=self._session, result=result)
        return Reply(topic, answer.model_dump_json().encode(), correlation, ANSWER_EXPIRES_S)


def _can_answer_to(topic: str | None) -> bool:
    """Whether a response topic may be published to: it must not be one on which a station's or a broker's own words are believed.

    Source: MQTT 5.0, sections 3.3.2.3.5 and 4.7.
    """
    if topic is None:
        return True
    return bool(topic) and not topic.startswith((f"{PREFIX}/", "$")) and not set(topic) & set("+#\0") and len(topic.encode()) < 2**16


def _key(incoming: Incoming) -> _Key:
    return incoming.response_topic, incoming.correlation, incoming.name if incoming.correlation is None else None


def _digest(incoming: Incoming) -> bytes:
    return sha256(f"{incoming.name}\n".encode() + incoming.payload).digest()


def _size(case: _Case) -> int:
    return sum(map(len, (case.topic or "", case.correlation or b"", b"" if case.reply is None else case.reply.payload)))


def _listed(reply: Reply | None) -> list[Reply]:
    return [] if reply is None else [reply]
