"""The station's page: live picture, counts, corrections; and /metrics and /healthz beside it."""
