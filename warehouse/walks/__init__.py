"""From counts to walks: pick lists that no empty bin is in, and recount tours; docs/walks.md."""
