"""``bintally wms``: the commands of the warehouse's side."""
