"""A repository of The Update Framework (TUF 1.0), as static files: which bundles are genuine, and which metadata are fresh.

To be read in this order: ``state`` (what a client sees), ``edit`` (new versions of the offline roles), ``signing`` (who must sign, and
what a co-signer is shown), ``commit`` (snapshot and timestamp, and the order of writes in which nobody sees half a change), ``folder`` and
``keys`` (the disk), ``steps`` (what the commands do with all of it).
"""
