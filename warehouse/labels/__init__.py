"""Labelled pick lists, by the million: drawn, measured and written in shards; docs/labels.md explains them."""
