"""How the station does: sensors, health messages, metrics, and what systemd is told."""
