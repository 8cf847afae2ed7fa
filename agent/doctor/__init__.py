"""``bintally agent doctor``: looks at everything that a station needs, and says what to do about what is wrong."""
