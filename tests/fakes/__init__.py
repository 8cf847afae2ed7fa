"""Stand-ins that implement the real interfaces, and helpers that start the real programs."""
