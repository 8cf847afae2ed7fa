"""Measure the figures of the README and the model card on this machine: ``make bench``."""
