"""How pickers usually walk: S-shape, return, midpoint, largest gap, combined, aisle by aisle; docs/policies.md has the rules."""

from warehouse.routing.policies.policy import POLICIES, policy_tour

__all__ = ["POLICIES", "policy_tour"]
