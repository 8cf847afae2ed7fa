"""When to count a bin: a table of states and what is seen, and the few timers that tell what is seen (pure).

starting ─▶ moving ─▶ settling ─▶ counting ─▶ at rest ─▶ moving …
               dark, blurred, frozen, hand: nothing is counted, and the bin has to settle anew
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.counting.look import Look
from bintally.errors import UsageError
from bintally.messages import Trigger

State = Literal["starting", "moving", "dark", "blurred", "frozen", "hand", "settling", "counting", "at rest"]
Event = Literal["moved", "dark", "blurred", "frozen", "repeated", "hand", "still", "due", "calm", "counted", "forgotten"]

_STATES: tuple[State, ...] = ("starting", "moving", "dark", "blurred", "frozen", "hand", "settling", "counting", "at rest")
_UNSETTLED: tuple[State, ...] = ("starting", "moving", "dark", "blurred", "frozen", "hand")
TRANSITIONS: dict[Event, dict[State, State]] = {
    "moved": dict.fromkeys(_STATES, "moving"),
    "dark": dict.fromkeys(_STATES, "dark"),
    "blurred": dict.fromkeys(_STATES, "blurred"),
    "frozen": dict.fromkeys(_STATES, "frozen"),
    "repeated": {state: state for state in _STATES},
    "hand": dict.fromkeys(_STATES, "hand"),
    "still": {**dict.fromkeys(_UNSETTLED, "settling"), "settling": "settling", "counting": "counting", "at rest": "at rest"},
    "due": dict.fromkeys(_STATES, "counting"),
    "calm": {**dict.fromkeys(_STATES, "at rest"), "counting": "counting"},
    "counted": {"counting": "at rest"},
    "forgotten": dict.fromkeys(_STATES, "starting"),
}
"""Where each event leads from each state; a pair that is missing cannot be.

``still``: no movement, but not for long enough. ``due``: at rest, and there is a reason to count. ``calm``: at rest without one.
"""

WAITS_FOR: dict[State, str] = {
    "starting": "the first picture",
    "moving": "the bin to come to rest",
    "dark": "light: the picture is dark",
    "blurred": "a sharp picture: the lens is out of focus or dirty",
    "frozen": "a new picture: the camera repeats an old one",
    "hand": "the hand to leave the bin",
    "settling": "the bin to stay at rest",
    "counting": "more pictures of the bin at rest",
    "at rest": "a change in the bin",
}

DARK_BELOW = 20.0
BLURRED_BELOW = 0.17
"""None of 808 photographs as published is below it; half of them are when blurred by 12 pixels of 640."""
FROZEN_AFTER_S = 5.0
"""A driver that repeats a picture for a moment is not said to hang yet."""
HAND_FOR_S = 10.0
"""Nobody holds a hand so still for so long: what stays longer is an item that reaches to the picture's border."""
STILL_FRAMES = 2
"""At least as many pictures without movement, however slow the camera is."""


@dataclass(frozen=True)
class SceneRules:
    """When a bin is at rest, and how often one at rest is counted.

    Attributes:
        settle_s: seconds without movement until it is at rest.
        heartbeat_s: seconds after which a bin at rest is counted again.
        repeats: whether the source may rightly give the same picture twice, as encoders do that code no change; a sensor never does,
            so that its repeated picture tells of a driver that hangs.
    """

    settle_s: float
    heartbeat_s: float
    repeats: bool = False


class Scene:
    """One bin's state; the moments that are passed in grow."""

    def __init__(self, rules: SceneRules) -> None:
        self.rules = rules
        self.asked = False
        self._start()

    def _start(self) -> None:
        self.state: State = "starting"
        self._why: Trigger = "settled"
        self._visited = False
        self._seen_at = self._fresh_at = float("-inf")
        self._still_since: float | None = None
        self._still_frames = 0
        self._counted_at: float | None = None

    @property
    def waits_for(self) -> str:
        """What has to happen before the next count, for people."""
        return WAITS_FOR[self.state]

    def see(self, look: Look, at: float) -> bool:
        """Take in what was seen of a picture that was grabbed at a monotonic second.

        Returns:
            Whether this picture is to be counted. Never, if the bin moves in it, or if it is dark, blurred, or repeated where pictures never are.
        """
        if at <= self._seen_at:
            return False
        self._seen_at = at
        event = self._event(look, at)
        self._go(event)
        return self.state == "counting" and event != "repeated"

    def ask(self, wanted: bool = True) -> None:
        """Somebody wants a count, even of an unchanged bin; or no longer, which a count in progress does not mind."""
        self.asked = wanted
        if wanted and self.state == "counting":
            self._why = "command"

    def counted(self) -> Trigger:
        """The count is finished; returns why it was made.

        Raises:
            UsageError: none was due; nothing changed.
        """
        self._go("counted")
        if self._why == "command":
            self.asked = False
        self._visited, self._counted_at = False, self._seen_at
        return self._why

    def forget(self) -> None:
        """Begin as at the start; only what was asked for is kept."""
        self._go("forgotten")
        self._start()

    def _go(self, event: Event) -> None:
        try:
            self.state = TRANSITIONS[event][self.state]
        except KeyError:
            raise UsageError(f"a bin cannot be {event} while it is {self.state}") from None

    def _event(self, look: Look, at: float) -> Event:
        if look.repeated and not self.rules.repeats:
            return self._repeated(at)
        self._fresh_at = at
        unusable = _unusable(look)
        if unusable is not None or self.state == "frozen":
            self._still_since, self._still_frames = None, 0
        if unusable is not None:
            self._visited |= unusable == "moved" and look.hand
            return unusable
        return self._still(look, at)

    def _repeated(self, at: float) -> Event:
        return "frozen" if at - self._fresh_at >= FROZEN_AFTER_S else "repeated"

    def _still(self, look: Look, at: float) -> Event:
        if self._still_since is None:
            self._still_since = at
        self._still_frames += 1
        still_s = at - self._still_since
        if look.hand and still_s < HAND_FOR_S:
            self._visited = True
            return "hand"
        if self.state == "counting":
            return "due"
        if still_s < self.rules.settle_s or self._still_frames < STILL_FRAMES:
            return "still"
        why = self._reason(look, at)
        if why is None:
            return "calm"
        self._why = why
        return "due"

    def _reason(self, look: Look, at: float) -> Trigger | None:
        """A hand may have changed what the picture hardly shows, so that its visit is a reason, too."""
        if self.asked:
            return "command"
        if look.changed or self._visited:
            return "settled"
        due = self._counted_at is None or at - self._counted_at >= self.rules.heartbeat_s
        return "heartbeat" if due else None


def _unusable(look: Look) -> Literal["dark", "moved", "blurred"] | None:
    if look.light < DARK_BELOW:
        return "dark"
    if look.moved:
        return "moved"
    return "blurred" if look.sharpness < BLURRED_BELOW else None
