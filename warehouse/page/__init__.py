"""The ledger's page, for people: bins as a map, discrepancies, recount tours, stations; docs/ledger.md."""
