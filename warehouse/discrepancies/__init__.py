"""How sure it is that the books are wrong about a bin, and what is done about it; docs/ledger.md."""
