"""A small network that learns a function of pick lists, such as the time of a worker and a cart, from labelled lists of one layout."""
