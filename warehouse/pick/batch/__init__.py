"""``bintally pick batch``: from order files to pick lists, and to who walks which one when."""
