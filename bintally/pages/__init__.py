"""What the station's page and the fleet's page have in common."""
