"""The station's own side of updates, as docs/fleet.md tells it: ``machine`` is the core, ``updater`` the thread that drives it."""
