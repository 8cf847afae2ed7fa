"""Tours where aisles are one-way, or turning round is forbidden."""
