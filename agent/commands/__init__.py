"""What the station is told: commands, settings that change while it runs, and the quantities that the books expect."""
