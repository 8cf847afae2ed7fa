"""``bintally data explore``: what a data set holds, on one page."""
