"""How pickers usually walk: S-shape, return, midpoint, largest gap, aisle by aisle."""
