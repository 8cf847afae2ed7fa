"""The options of each ``bintally fleet`` command; what a command needs is imported when it is called."""
