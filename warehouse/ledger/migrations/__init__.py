"""How a ledger's tables came to be, step by step; ``warehouse.ledger.migrate`` takes the steps."""
