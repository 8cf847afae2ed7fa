"""Tours where aisles are one-way, or turning round is forbidden."""

from warehouse.routing.directed.solve import directed_tour

__all__ = ["directed_tour"]
