"""The SDK: counts of all stations, each until it is acknowledged; docs/ledger.md, «The subscriber»."""

from warehouse.subscriber.arrived import Arrived, Letter, Said
from warehouse.subscriber.batch import Batch
from warehouse.subscriber.gaps import Gaps
from warehouse.subscriber.subscriber import Subscriber

__all__ = ["Arrived", "Batch", "Gaps", "Letter", "Said", "Subscriber"]
