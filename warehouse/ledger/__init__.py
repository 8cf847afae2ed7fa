"""The ledger of counts, and of what follows from them; docs/ledger.md."""

from warehouse.ledger.ledger import Ledger

__all__ = ["Ledger"]
