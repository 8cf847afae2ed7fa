"""What fleet managers run; so far the embedded broker for demos, tests and small sites."""
