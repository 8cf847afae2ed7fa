"""From a decided count to the ledger: outbox, window, link, courier."""
