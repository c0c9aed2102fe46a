"""Training: a game in a folder, with its plan, log and checkpoints."""
