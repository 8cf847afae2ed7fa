"""``bintally pick route``: from files to tours."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bintally.errors import InputError
from bintally.layouts import Cart, Ladder, PickList, Request
from bintally.layouts.files import read_request, request_files
from warehouse.routing.cart import best
from warehouse.routing.cart.bound import lower_bound_s
from warehouse.routing.cart.exact import solve_exact
from warehouse.routing.cart.problem import CartProblem, cart_problem
from warehouse.routing.cart.schedule import Schedule
from warehouse.routing.cart.search import solve_search
from warehouse.routing.directed import directed_tour
from warehouse.routing.exact import optimal_tour
from warehouse.routing.policies import policy_tour
from warehouse.routing.policies.with_cart import parked, pushed_s
from warehouse.routing.scattered import Choice, choose
from warehouse.routing.tour import Tour

PATIENCE_S = 2.0


@dataclass(frozen=True)
class Asked:
    """What is wanted of each list.

    Attributes:
        policies: names.
        cart: replaces values of the file's cart; None for tours without a cart.
        method: of the cart's optimum: ``auto``, ``exact`` or ``search``.
        iterations, seed: of the search.
    """

    policies: tuple[str, ...]
    cart: Mapping[str, Any] | None
    method: str
    iterations: int | None
    seed: int


@dataclass(frozen=True)
class Routed:
    """One policy's answer for one list.

    Attributes:
        policy: its name.
        found: a schedule where there is a cart.
        proven_optimal: nothing is shorter, whichever places are chosen.
        pushed_along_s: of a policy's schedule: the time if the cart came along everywhere.
    """

    policy: str
    found: Tour | Schedule
    proven_optimal: bool
    pushed_along_s: float | None = None


Show = Callable[[Request, PickList, Cart | None, Sequence[Routed]], None]


def route(paths: Sequence[Path], blocks: int | None, entry_m: float | None, asked: Asked, show: Show) -> int:
    """Route all lists; one that cannot be routed is told on standard error, and the others go on.

    Args:
        paths: files and folders.
        blocks: of the literature's files, None for their own.
        entry_m: likewise, in metres.
        asked: of each list.
        show: called with each list and what was found, one for each policy.

    Returns:
        The exit code: 1 if any list failed.
    """
    failed = False
    files = [file for path in paths for file in request_files(path)]
    with patience():
        for file in files:
            try:
                _route_one(read_request(file, blocks=blocks, entry_m=entry_m), asked, show)
            except InputError as error:
                failed = True
                print(f"bintally pick: {error}", file=sys.stderr)
    return int(failed)


def _route_one(request: Request, asked: Asked, show: Show) -> None:
    try:
        choice = _choice(request)
        picks = choice.picks if choice else request.picks()
        cart = None if asked.cart is None else dataclasses.replace(request.cart or Cart(), **asked.cart)
        found = [_routed(request.ladder, picks, policy, cart, asked) for policy in asked.policies]
    except InputError as error:
        raise InputError(str(error) if request.file in str(error) else f"{request.file}: {error}") from error
    show(request, picks, cart, [_among_places(routed, choice, cart) for routed in found] if choice else found)


def _choice(request: Request) -> Choice | None:
    """Where to pick, if it can be chosen."""
    if not request.scattered:
        return None
    if not request.ladder.ways.free:
        raise InputError("articles lie in several places, and aisles are one-way: give one place for each article, or leave the rules out")
    return choose(request)


def _among_places(routed: Routed, choice: Choice, cart: Cart | None) -> Routed:
    """What is known if other places might be chosen, too. Places are chosen for the shortest tour: for a cart, others may be better."""
    found = routed.found
    if isinstance(found, Tour):
        bound_m = None if found.lower_bound_m is None else choice.lower_bound_m
        proven = routed.proven_optimal and choice.proven_optimal
        return Routed(routed.policy, dataclasses.replace(found, lower_bound_m=bound_m, proven_optimal=proven), proven)
    bound_s = None if found.lower_bound_s is None or cart is None else choice.lower_bound_m / cart.walk_m_s
    return dataclasses.replace(routed, found=dataclasses.replace(found, lower_bound_s=bound_s, proven_optimal=False), proven_optimal=False)


def _routed(ladder: Ladder, picks: PickList, policy: str, cart: Cart | None, asked: Asked) -> Routed:
    if cart is not None and policy == "optimal":
        schedule = best_schedule(cart_problem(ladder, picks, cart), asked.method, asked.iterations, asked.seed)
        return Routed(policy, schedule, schedule.proven_optimal)
    tour = best_tour(ladder, picks) if policy == "optimal" else policy_tour(ladder, picks, policy)
    if cart is None:
        return Routed(policy, tour, tour.proven_optimal)
    schedule = parked(cart_problem(ladder, picks, cart), tour)
    return Routed(policy, schedule, proven_optimal=False, pushed_along_s=pushed_s(ladder, cart, tour, picks))


def best_tour(ladder: Ladder, picks: PickList) -> Tour:
    """The shortest tour, by the solver that fits the ladder."""
    return optimal_tour(ladder, picks) if ladder.ways.free else directed_tour(ladder, picks)


def best_schedule(problem: CartProblem, method: str, iterations: int | None, seed: int) -> Schedule:
    """The fastest schedule that a method finds; what is not exact carries a bound."""
    if method == "exact":
        return solve_exact(problem)
    solve = solve_search if method == "search" else best.best_schedule
    found = solve(problem, iterations=iterations, seed=seed)
    if found.proven_optimal:
        return found
    bound = lower_bound_s(problem, found.time_s)
    return dataclasses.replace(found, lower_bound_s=bound, proven_optimal=found.time_s <= bound * (1 + 1e-9))


@contextmanager
def patience() -> Iterator[None]:
    """Say once what may take so long, if it does."""
    text = "bintally pick: at work; on a machine's first call the solvers are compiled, which takes up to a minute"
    timer = threading.Timer(PATIENCE_S, print, (text,), {"file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
