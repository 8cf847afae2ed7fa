"""The warehouse's side: what happens with the counts."""
