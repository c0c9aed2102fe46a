"""The built-in metrics, and the feature extractors that some of them read."""
