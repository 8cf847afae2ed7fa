"""What leaves the warehouse: expected quantities and discrepancies over MQTT, discrepancies to webhooks."""

from warehouse.deliveries.signing import verify

__all__ = ["verify"]
