"""The ledger over HTTP: counts, bins, discrepancies, imports, evidence; docs/ledger.md."""
