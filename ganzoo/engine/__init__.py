"""The engine: composes parts into a game, plays it step by step, and samples and scores it."""
