"""The routes, one module a subject; each has a ``router``."""
