"""Inner loops in machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function on its first call, keep the result on disk, and let other threads run meanwhile.

    It sees numbers, tuples and numpy arrays only. Sums are done in the order written, so that results repeat.
    """
    return cast("Function", numba.njit(cache=True, nogil=True)(function))
