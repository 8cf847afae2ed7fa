"""Inner loops in machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function on its first call, keep the result on disk, and let other threads run meanwhile.

    It sees numbers, tuples and numpy arrays only. Sums are done in the order written, so that results repeat. The kept result is renewed
    when the function's own file changes, but not when a function of another file that it calls does: then delete ``*.nbi`` in
    ``__pycache__``.
    """
    return njit(function)


def inner(function: Function) -> Function:
    """Compile a function that makes no arrays and keeps none, without counting references to those that it is given.

    Counting them, a dozen arrays in each of millions of calls, takes most of the time otherwise, and much of the compilation.
    """
    return njit(function, _nrt=False)


def njit(function: Function, **options: bool) -> Function:
    """numba's njit, with a cache where there is a place for one: beside the code, or in the user's own folder (or NUMBA_CACHE_DIR).

    In a read-only installation without either, as in some containers, each process compiles anew.
    """
    compiler: Any = numba.njit  # numba does not declare all of its options to type checkers
    try:
        return cast("Function", compiler(cache=True, nogil=True, **options)(function))
    except RuntimeError:
        return cast("Function", compiler(nogil=True, **options)(function))
