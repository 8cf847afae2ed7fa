"""The options that describe a worker and a cart, for all commands that know them."""

from __future__ import annotations

import argparse
from typing import Any

from warehouse.pick.parsers.types import hands, number

OPTIONS = {
    "--walk-speed": "walk_m_s",
    "--push-speed": "push_m_s",
    "--hands": "hands",
    "--park-time": "park_s",
    "--pick-time": "pick_s",
    "--in-aisles": "in_aisles",
}
"""And where argparse puts them: the fields of a `Cart`."""


def add_cart_options(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--walk-speed", type=number, dest="walk_m_s", metavar="M/S", help="without the cart")
    parser.add_argument("--push-speed", type=number, dest="push_m_s", metavar="M/S", help="with the cart")
    parser.add_argument("--hands", type=hands, metavar="K", help="items that the worker can carry, or «unlimited»")
    parser.add_argument("--park-time", type=number, dest="park_s", metavar="S", help="each time that the cart is left")
    parser.add_argument("--pick-time", type=number, dest="pick_s", metavar="S", help="at each place")
    parser.add_argument(
        "--in-aisles", action=argparse.BooleanOptionalAction, default=None, help="whether the cart may be pushed through whole sub-aisles"
    )


def given_cart(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of a `Cart` that options name."""
    given = {name: getattr(options, name) for name in OPTIONS.values() if getattr(options, name) is not None}
    return {**given, "hands": None} if given.get("hands") == "unlimited" else given
