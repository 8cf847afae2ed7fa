"""What a batch costs, where it is not the length of its shortest tour: the time of a cart's schedule, calculated or estimated."""
