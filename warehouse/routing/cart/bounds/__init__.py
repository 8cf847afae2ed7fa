"""What no schedule can undercut: docs/picking-bound.md."""
