"""The device at the station: camera, counter, tally, outbox, link."""
