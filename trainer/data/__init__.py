"""Labelled images: fetched, checked, grouped, split, stored for fast reading, and explored."""
