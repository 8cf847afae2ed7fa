"""Shortest tours, exactly: a sweep over the aisles."""
