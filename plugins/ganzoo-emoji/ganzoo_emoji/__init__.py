"""Coloured images for training: emoji in three styles, and game sprites."""
