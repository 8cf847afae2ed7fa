"""Stations, programs and people that may connect to the broker: an authority, certificates, and what each may write and read.

To be read in this order: ``access`` (the table of topics), ``holder`` (who is certified), ``certificates`` (X.509, pure), ``authority`` (its
folder on the disk), ``station`` (what a station is given), ``mosquitto`` (the broker's configuration), ``steps`` (what the commands do).
"""
