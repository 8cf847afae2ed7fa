"""Bundles of the task ``travel-time``: what estimates the travel time of pick lists in one warehouse."""

from bintally.travel_time.manifest import GoldenList, HeldOut, SameAsTorch, TravelTimeManifest

__all__ = ["GoldenList", "HeldOut", "SameAsTorch", "TravelTimeManifest"]
