"""How well a counter counts: metrics, calibration, comparison with others, and the report that a person reads."""
