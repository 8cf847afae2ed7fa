"""The options of each ``bintally pick`` command; what a command needs is imported when it is called."""
