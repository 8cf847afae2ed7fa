"""What was made a moment ago, for whoever asks next: however many look at the same map, it is drawn seldom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Made = TypeVar("_Made")
_TIMES, _LEAST_S, _MOST = 5.0, 1.0, 64


class Recent(Generic[_Made]):
    """Keeps each thing five times as long as it took to make: at most a sixth of the time goes into it.

    Args:
        clock: gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[float, _Made]] = {}

    def get(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """The thing of this key, made if there is none or an old one; others wait meanwhile."""
        with self._lock:
            until_s, made = self._kept.get(key, (0.0, None))
            began_s = self._clock()
            if made is not None and began_s < until_s:
                return made
            made = make()
            now_s = self._clock()
            self._kept.pop(key, None)
            self._kept[key] = now_s + max(_LEAST_S, _TIMES * (now_s - began_s)), made
            if len(self._kept) > _MOST:
                del self._kept[next(iter(self._kept))]
            return made
