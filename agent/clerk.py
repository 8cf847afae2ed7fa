"""What the broker, or the page, wants of the station, and what becomes of it: commands, settings, expected quantities."""

from __future__ import annotations

import queue
import secrets
import time
from collections.abc import Callable
from typing import Any, Literal, Protocol

import structlog

from agent.commands.desk import Desk, Order, Reply
from agent.commands.expected import ExpectedBook
from agent.commands.runtime import Effective, RuntimeConfig
from agent.commands.snapshot import snapshot
from agent.delivery.incoming import Incoming
from agent.delivery.mail import Mail
from agent.naming import Naming
from agent.status import Status
from bintally import __version__
from bintally.errors import BintallyError, InputError, UnavailableError
from bintally.messages import ConfigReported, CountEvent, Identify, Recount, Set, Snapshot, utc_now
from bintally.topics import Station

_A_TURN = 200
"""Messages handled before the loop looks at the next frame."""
_OTHER_REGIONS = "the regions of the view were changed meanwhile; send it again"
log = structlog.get_logger()


class Outgoing(Protocol):
    """Where answers go, see ``agent.delivery.link.Link``."""

    mail: Mail
    connections: int

    def say(self, topic: str, payload: bytes, qos: int = ..., expires_s: float | None = ..., correlation: bytes | None = ...) -> bool:
        """Publish once, where there is a connection."""
        ...

    def retain(self, topic: str, payload: bytes, expires_s: float | None = ..., qos: int = ...) -> None:
        """Publish retained, now and after every connect."""
        ...


class Clerk:
    """Hears messages and has them done; used by the loop's thread, but for ``recount``.

    Args:
        station: whose.
        session: the outbox's epoch.
        link: brings messages and takes answers.
        runtime: settings that may change.
        book: expected quantities.
        naming: which bins are seen.
        status: gives the newest frame, and shows ``identify``.
        ask: whether a count of a region is wanted; raises InputError where there is nothing to count again.
        changed: called when settings changed.
        desire: takes what came on ``model/desired``.
    """

    def __init__(
        self,
        station: Station,
        session: str,
        link: Outgoing,
        runtime: RuntimeConfig,
        book: ExpectedBook,
        naming: Naming,
        status: Status,
        ask: Callable[[int, bool], None],
        changed: Callable[[], None],
        desire: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._station, self._link, self._runtime, self._book, self._naming = station, link, runtime, book, naming
        self._status, self._ask, self._changed, self._desire = status, ask, changed, desire
        self._desk = Desk(session, naming.known)
        self._local: queue.SimpleQueue[Incoming] = queue.SimpleQueue()
        self._recounts: dict[int, Order] = {}
        self._connections = 0
        self._report(runtime.reported)

    def recount(self, bin_name: str | None) -> None:
        """The page wants a count; may be called from any thread."""
        payload = Recount(bin=bin_name).model_dump_json().encode()
        self._local.put(Incoming("cmd", "recount", payload, received_at=time.monotonic(), correlation=secrets.token_bytes(8)))

    def turn(self, now: float) -> None:
        """Handle what came, hand out what is to be done, and answer what ran out of time."""
        self._notice_connection()
        for _ in range(_A_TURN):
            incoming = self._next()
            if incoming is None:
                break
            self._take(incoming, now)
        wall = utc_now()
        self._say(self._desk.expire(now, wall))
        self._withdraw()
        for order in self._desk.orders(now, wall):
            self._execute(order, now)

    def close(self) -> None:
        """Reject what is open: the agent stops."""
        self._say(self._desk.close(time.monotonic()))

    def expected(self, number: int, bin_name: str) -> tuple[int, Literal["books", "command"]] | None:
        """The quantity to compare a region's count with, and who expects it."""
        order = self._open_recount(number)
        meant = order.command if order is not None and order.bin in (None, bin_name) else None
        if isinstance(meant, Recount) and meant.expected is not None:
            return meant.expected, "command"
        quantity = self._book.quantity(bin_name)
        return None if quantity is None else (quantity, "books")

    def counted(self, number: int, bin_name: str) -> Callable[[CountEvent], None]:
        """What is to be called with the count of a region once it is committed: it answers the command that waits for it.

        Where its label names another bin than the command by now, the command is rejected at once.
        """
        order = self._open_recount(number)
        if order is None:
            return lambda _: None
        del self._recounts[number]
        if order.bin not in (None, bin_name):
            self._say(self._desk.rejected(order, f"bin: the bin here is {bin_name} now, not {order.bin}", time.monotonic()))
            return lambda _: None
        return lambda event: self._say(self._desk.done(order, {"event": event.model_dump(mode="json")}, time.monotonic()))

    def _open_recount(self, number: int) -> Order | None:
        order = self._recounts.get(number)
        return order if order is not None and self._desk.is_open(order) else None

    def _next(self) -> Incoming | None:
        for source in (self._local, self._link.mail.inbox):
            try:
                return source.get_nowait()
            except queue.Empty:
                continue
        return None

    def _take(self, incoming: Incoming, now: float) -> None:
        self._notice_connection()
        if incoming.kind == "cmd":
            self._say(self._desk.take(incoming, now, utc_now()))
        elif incoming.kind == "expected":
            self._book.take(incoming)
        elif incoming.kind == "config/desired":
            before = self._runtime.effective
            self._report(self._runtime.desire(incoming.payload))
            self._follow(before, now)
        elif incoming.kind == "model/desired":
            self._desire(incoming.payload)

    def _withdraw(self) -> None:
        """Nobody waits any more for the count of a recount that ran out of time."""
        for number in [number for number, order in self._recounts.items() if not self._desk.is_open(order)]:
            del self._recounts[number]
            self._ask(number, False)

    def _notice_connection(self) -> None:
        """Begin a new book with each connection, which is counted up before its first message comes."""
        if self._link.connections != self._connections:
            self._connections = self._link.connections
            self._book.clear()

    def _execute(self, order: Order, now: float) -> None:
        try:
            result = self._do(order)
        except InputError as error:
            self._say(self._desk.rejected(order, str(error), now))
        except BintallyError as error:
            log.warning("command failed", command=order.name, reason=str(error))
            self._say(self._desk.rejected(order, str(error), now))
        else:
            if result is not None:
                self._say(self._desk.done(order, result, now))

    def _do(self, order: Order) -> dict[str, Any] | None:
        """Do what a command asks; None where it is answered later."""
        command = order.command
        if isinstance(command, Recount) and order.region is not None:
            if order.region >= len(self._runtime.effective.regions):
                raise InputError(_OTHER_REGIONS)
            if order.bin is not None:
                self._naming.tell(order.region, order.bin)
            self._ask(order.region, True)
            self._recounts[order.region] = order
            return None
        now = self._status.snapshot()
        if isinstance(command, Snapshot):
            if now.frame is None or now.taken_at is None:
                raise UnavailableError("the camera has not given a frame yet")
            return snapshot(now.frame, now.taken_at, command.max_side_px)
        if isinstance(command, Identify):
            self._status.change(identify_until=time.monotonic() + command.seconds)
            return {"site": self._station.site, "station": self._station.station, "version": __version__}
        if isinstance(command, Set):
            before = self._runtime.effective
            settings = self._runtime.change(command.settings)
            self._report(self._runtime.reported)
            self._follow(before, time.monotonic())
            return {"settings": settings}
        raise InputError(f"there is nothing that does {order.name!r}")

    def _follow(self, before: Effective, now: float) -> None:
        """Settings may have changed; where the regions did, a region's number means another bin."""
        if self._runtime.effective == before:
            return
        self._changed()
        if self._runtime.effective.regions != before.regions:
            for order in self._recounts.values():
                self._say(self._desk.rejected(order, _OTHER_REGIONS, now))
            self._recounts.clear()

    def _report(self, reported: ConfigReported) -> None:
        self._link.retain(self._station.topic("config/reported"), reported.model_dump_json().encode())

    def _say(self, replies: list[Reply]) -> None:
        for reply in replies:
            self._link.say(reply.topic, reply.payload, qos=1, expires_s=reply.expires_s, correlation=reply.correlation)
