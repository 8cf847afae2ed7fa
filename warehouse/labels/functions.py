"""What pick lists are labelled with: functions by name, each of which gives one value or several for every list."""

from __future__ import annotations

import difflib
import importlib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bintally.errors import BintallyError, InputError, UsageError
from bintally.labels import PLAIN, Label
from bintally.layouts import Cart, Ladder, PickList
from warehouse.labels.batch import Batch
from warehouse.labels.cart import CartTimes
from warehouse.routing.exact.batch import optimal_lengths_m
from warehouse.routing.policies import POLICIES, policy_tour

Values = Mapping[str, npt.NDArray[np.float64]]
BlackBox = Callable[[Ladder, PickList], float]


class Function(Protocol):
    """One that labels lists; it travels to other processes by pickling."""

    @property
    def labels(self) -> Mapping[str, Label]:
        """By the name of their column."""

    def __call__(self, batch: Batch) -> Values:
        """The labels of n lists, each float64[n]; each value depends on its own list alone."""


def function_named(name: str, cart: Cart) -> Function:
    """A function by the name that is given to ``--function``.

    Args:
        name: ``plain``, ``cart``, a policy's name, or ``module:function``.
        cart: for ``cart``.

    Raises:
        UsageError: there is no such function.
    """
    if name == "plain":
        return Plain()
    if name == "cart":
        return CartTimes(cart)
    if name in POLICIES:
        return PolicyLength(name)
    if ":" in name:
        OwnFunction(name, Path.cwd()).found()
        return OwnFunction(name, Path.cwd())
    known = ["cart", "plain", *POLICIES]
    near = difflib.get_close_matches(name, known, 1)
    raise UsageError(
        f"there is no function {name!r} to label with; "
        + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}, and your own as module:function")
    )


@dataclass(frozen=True)
class Plain:
    """The shortest tour, without a cart."""

    @property
    def labels(self) -> Mapping[str, Label]:
        return {PLAIN: Label(unit="m", about="length of the shortest tour, proven")}

    def __call__(self, batch: Batch) -> Values:
        return {PLAIN: optimal_lengths_m(batch.ladder, batch.packed(), threads=1)}


@dataclass(frozen=True)
class PolicyLength:
    """A policy's tour.

    Attributes:
        policy: one of ``POLICIES``.
    """

    policy: str

    @property
    def labels(self) -> Mapping[str, Label]:
        return {self._column: Label(unit="m", about=f"length of the tour by the policy {self.policy}")}

    @property
    def _column(self) -> str:
        return self.policy.replace("-", "_") + "_m"

    def __call__(self, batch: Batch) -> Values:
        return {self._column: np.array([policy_tour(batch.ladder, picks, self.policy).length_m for _, picks in batch.lists()])}


@dataclass(frozen=True)
class OwnFunction:
    """Anybody's function of a ladder and a pick list.

    Its name is the label's, and as everywhere here the name's end tells the unit: ``…_s`` or ``…_m``. The first line of its docstring says
    what it is.

    Attributes:
        name: ``module:function``.
        folder: where its module is looked for first.
    """

    name: str
    folder: Path

    @property
    def labels(self) -> Mapping[str, Label]:
        column = self.name.rpartition(":")[2]
        unit = {"_s": "s", "_m": "m"}.get(column[-2:], "")
        about = (self.found().__doc__ or "").strip().partition("\n")[0]
        return {column: Label(unit=unit, about=f"{self.name}: {about}")}

    def found(self) -> BlackBox:
        """Raises:
        UsageError: it cannot be imported, or is no function.
        """
        module, _, function = self.name.rpartition(":")
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        try:
            found = getattr(importlib.import_module(module), function)
        except Exception as error:
            raise UsageError(
                f"{self.name}: cannot be imported ({type(error).__name__}: {error}); name a function as module:function, of a module in "
                "this folder or an installed one"
            ) from error
        if not callable(found):
            raise UsageError(f"{self.name}: is no function but {type(found).__name__}")
        return found  # type: ignore[no-any-return] # whatever it is, its values are checked

    def __call__(self, batch: Batch) -> Values:
        function = self.found()
        values = np.array([_checked(self.name, function, batch.ladder, number, picks) for number, picks in batch.lists()], np.float64)
        return {next(iter(self.labels)): values}


def _checked(name: str, function: BlackBox, ladder: Ladder, number: int, picks: PickList) -> float:
    try:
        value = float(function(ladder, picks))
    except BintallyError as error:
        raise InputError(f"list {number}: {name}: {error}") from error
    except Exception as error:
        raise InputError(
            f"list {number}: {name} raised {type(error).__name__}: {error}; mend it and call the same command again"
        ) from error
    if not math.isfinite(value):
        raise InputError(f"list {number}: {name} gave {value}, which is no label; mend it and call the same command again")
    return value
