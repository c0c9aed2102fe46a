"""Benchmarks: contenders trained head-to-head, their results, and the report."""
