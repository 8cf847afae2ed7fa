"""Pictures of doubtful counts, kept within a quota, labelled by people and uploaded, so that the trainer can learn from them."""
