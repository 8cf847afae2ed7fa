"""The device at the station: it looks, counts, keeps and tells; ``run`` wires it, ``loop`` is its heart."""
