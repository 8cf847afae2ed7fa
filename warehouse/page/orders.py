"""What people order on the page, each in one transaction, in the name of who is logged in."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from http import HTTPStatus

import sqlalchemy as sa

from bintally.errors import InputError, UsageError
from bintally.pages.asked import RefusedError
from bintally.pages.frame import some
from warehouse.api.deps import Api
from warehouse.api.scopes import Caller
from warehouse.ledger import audit, cases
from warehouse.ledger.bins import bin_of
from warehouse.ledger.case_rows import SETTLED
from warehouse.ledger.corrections import Correction, correct
from warehouse.page.bin import LONGEST

Said = tuple[bool, str]
"""Whether it was done, and what is shown of it."""


def settle(api: Api, caller: Caller, number: int, given: str, books: str | None = None) -> Said:
    """Say what is in a discrepancy's bin.

    Args:
        api: the ledger.
        caller: who says so.
        number: of the discrepancy.
        given: quantity.
        books: what they said when they were found to be right; None: somebody counted.

    Raises:
        RefusedError: they may not, or there is no such discrepancy for them.
    """
    with api.ledger.begin() as tx:
        case = find(tx, number, caller).case
        quantity = quantity_in(given)
        if quantity is None:
            return False, f"{case.bin}: {given[:20]!r} is no number of items; nothing was changed."
        if books is not None and books != str(case.expected) and case.state != SETTLED:
            return False, f"{case.bin}: the books say {case.expected} by now, and not {books[:20]}; nothing was changed."
        try:
            origin = "recount" if case.state == "recount" else "page"
            settled = cases.settle(tx, number, quantity, caller.name, api.now(), origin)
        except UsageError as error:  # somebody else was quicker, or counts or books settled it
            return False, f"{case.bin}: {error}. You said {quantity}; if that is so, correct the bin itself."
        except InputError as error:
            return False, f"{case.bin}: {error}."
    right = settled.outcome == "books right"
    return (
        True,
        f"{case.bin}: {quantity}, the books are right." if right else f"{case.bin}: {quantity}; the books are held to it from now on.",
    )


def correct_bin(api: Api, caller: Caller, site: str, bin_: str, given: str) -> Said:
    """Say what is in a bin, whether a discrepancy is open or not.

    Raises:
        RefusedError: they may not, or there is no such bin for them.
    """
    now, quantity = api.now(), quantity_in(given)
    with api.ledger.begin() as tx:
        if not caller.sees(site) or bin_of(tx, site, bin_) is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"Bin {bin_[:80]!r} of site {site[:80]!r}: nothing is known of it.")
        if quantity is None:
            return False, f"{given[:20]!r} is no number of items; nothing was changed."
        try:
            correct(tx, Correction(site, bin_, quantity, caller.name, now, "page", f"page:{uuid.uuid4()}"), now, api.rules)
            audit.note(tx, caller.name, "correction", f"{site}: {bin_} holds {quantity}", now)
        except InputError as error:
            return False, f"{error}."
    return True, f"{quantity} are in it; the books are held to that from now on."


def go(api: Api, caller: Caller, numbers: Iterable[int]) -> Said:
    """Somebody goes to look into the bins that they were shown; those that somebody else took or settled meanwhile are left out.

    Raises:
        RefusedError: there is no such discrepancy for them.
    """
    taken = lost = 0
    with api.ledger.begin() as tx:
        for number in sorted(set(numbers)):
            case = find(tx, number, caller).case
            if case.state == "open":
                cases.assign(tx, number, caller.name, caller.name, api.now())
                taken += 1
            elif case.assigned_to != caller.name or case.state != "recount":
                lost += 1
    others = f"; settled or taken by others meanwhile: {lost}" if lost else ""
    return taken > 0, f"Yours to look into: {some(taken, 'bin')}{others}."


def release(api: Api, caller: Caller, number: int) -> Said:
    """Leave a discrepancy to others.

    Raises:
        RefusedError: there is none of this number for them.
    """
    with api.ledger.begin() as tx:
        case = find(tx, number, caller).case
        if case.assigned_to != caller.name or case.state != "recount":
            return False, f"{case.bin}: is not yours any more; nothing was changed."
        cases.release(tx, number, caller.name, api.now())
    return True, f"{case.bin}: left to others."


def find(tx: sa.Connection, number: int, caller: Caller) -> cases.Listed:
    """A discrepancy.

    Raises:
        RefusedError: there is none of this number for them.
    """
    try:
        found = cases.case(tx, number)
    except InputError:
        found = None
    if found is None or not caller.sees(found.case.site):
        raise RefusedError(HTTPStatus.NOT_FOUND, f"Discrepancy {number}: there is none of this number.")
    return found


def quantity_in(given: str) -> int | None:
    """A number of items that somebody typed."""
    text = given.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST else None
