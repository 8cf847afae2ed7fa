"""Shortest tours, exactly: a sweep over the aisles."""

from warehouse.routing.exact.batch import PackedLists, optimal_lengths_m, pack
from warehouse.routing.exact.solve import optimal_length_m, optimal_tour

__all__ = ["PackedLists", "optimal_length_m", "optimal_lengths_m", "optimal_tour", "pack"]
