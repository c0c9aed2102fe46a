"""The metrics that core itself brings, and the feature extractors that some of them read."""
