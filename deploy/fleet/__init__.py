"""The fleet: a repository of signed bundles, and whose word moves a station. docs/fleet.md defines the whole."""
