"""Pictures of tours, of travel times and of measurements, clear in black and white and for the colour-blind."""

from warehouse.routing.pictures.plots import Curve, Excess, Growth, draw_excess, draw_growth
from warehouse.routing.pictures.slices import draw_slice
from warehouse.routing.pictures.tours import draw_lists, draw_tours

__all__ = ["Curve", "Excess", "Growth", "draw_excess", "draw_growth", "draw_lists", "draw_slice", "draw_tours"]
