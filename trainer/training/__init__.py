"""One training run: settings, batches, losses, the loop, and what watches over it."""
