"""What fleet managers run: the embedded broker for demos, tests and small sites, and jobs and endpoints in the cloud."""
