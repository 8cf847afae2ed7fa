"""The same walk by a general solver, PyVRP, which knows nothing of ladders."""

from __future__ import annotations

from bintally.layouts import Ladder, PickList

ITERATIONS = 500
# PyVRP counts in whole numbers
_PER_METRE = 1000


def general_length_m(ladder: Ladder, picks: PickList) -> float:
    """The length of the tour that PyVRP finds with one vehicle in 500 iterations."""
    import pyvrp
    from pyvrp.stop import MaxIterations

    points = [(ladder.start.column, ladder.y_m[ladder.start.cross_aisle])]
    points += [(int(column), float(y)) for column, y in zip(picks.columns, picks.y_m, strict=True)]
    model = pyvrp.Model()
    model.add_vehicle_type(1)
    places = [model.add_location(0, 0) for _ in points]
    model.add_depot(places[0])
    for place in places[1:]:
        model.add_client(place)
    for a, place in zip(points, places, strict=True):
        for b, other in zip(points, places, strict=True):
            if place is not other:
                model.add_edge(place, other, distance=round(ladder.distance_m(a, b) * _PER_METRE))
    return float(model.solve(MaxIterations(ITERATIONS), seed=1, display=False).cost()) / _PER_METRE
