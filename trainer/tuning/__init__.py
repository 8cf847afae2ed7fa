"""Search for good settings of a training run, in parallel and on several machines."""
