"""``bintally pick``: what planners call."""
