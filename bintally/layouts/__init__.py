"""Layouts of warehouses, pick lists and orders: what the planner, the estimator and its trainer agree on."""

from bintally.layouts.cart import Cart
from bintally.layouts.ladder import Ladder, Place, Ways
from bintally.layouts.orders import Order, OrderBook, Zone
from bintally.layouts.picks import PickList, Request, Shelf

__all__ = ["Cart", "Ladder", "Order", "OrderBook", "PickList", "Place", "Request", "Shelf", "Ways", "Zone"]
