"""The worker and the cart: docs/picking.md defines the problem."""
