"""Benchmarks: variants head-to-head on one dataset, under one budget, with several seeds."""
