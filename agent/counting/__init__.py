"""From a frame to a decided count: scene, counter, tally."""
