"""An example of a function to label with that is no shortest way: a picker who walks S-shaped in narrow aisles, and waits for others there.

A model of averages: each of OTHERS is in one of the aisles, or on the way between two, equally likely. An aisle is thus busy for a share ρ
of the time, and who comes to it waits as in a queue whose service always takes the same time (M/D/1): ρ / (2 (1 - ρ)) times that, which here
is to walk through the aisle and to pick what is picked there.

Source: Pollaczek–Khinchine formula, as in Kleinrock, Queueing Systems 1 (1975), section 5.6; narrow aisles: Gue, Meller & Skufca, The effects
of pick density on order picking areas with narrow aisles, IIE Transactions 38 (2006).
"""

from __future__ import annotations

import numpy as np

from bintally.layouts import Ladder, PickList
from warehouse.routing.policies import policy_tour

OTHERS, WALK_M_S, PICK_S = 5, 1.4, 5.0


def congested_s(ladder: Ladder, picks: PickList) -> float:
    """walking S-shaped, picking, and waiting for five others in narrow aisles"""
    aisles = sum(ladder.aisles)
    busy = OTHERS / (OTHERS + aisles)
    _, here = np.unique(picks.columns, return_counts=True)
    service_s = ladder.y_m[-1] / WALK_M_S + PICK_S * here
    waiting_s = busy / (2 * (1 - busy)) * float(service_s.sum())
    return policy_tour(ladder, picks, "s-shape").length_m / WALK_M_S + PICK_S * len(picks) + waiting_s
