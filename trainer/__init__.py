"""Train and evaluate counters: the cloud GPU's hand of the loop."""
