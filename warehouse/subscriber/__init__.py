"""The SDK: counts of all stations, each until it is acknowledged; docs/ledger.md, «The subscriber»."""

from warehouse.subscriber.arrived import Arrived, Letter, Said

__all__ = ["Arrived", "Letter", "Said"]
