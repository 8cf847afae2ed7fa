"""Tours of pickers: the shortest ones, the usual ones, and those with a cart that is parked while the worker walks."""
