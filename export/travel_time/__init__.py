"""From a travel-time checkpoint to a bundle: the float32 graph, and the proof that it answers as torch does."""
