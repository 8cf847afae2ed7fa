"""What every part of bintally agrees on: bundles, frames, messages, topics, layouts, rendered bins, errors, the command line's root."""

__version__ = "0.1.0"
