"""Layouts of warehouses and pick lists: what the planner, the estimator and its trainer agree on."""

from bintally.layouts.cart import Cart
from bintally.layouts.ladder import Ladder, Place, Ways
from bintally.layouts.picks import PickList, Request, Shelf

__all__ = ["Cart", "Ladder", "PickList", "Place", "Request", "Shelf", "Ways"]
