"""Pretrained models: found by name, verified, built, sampled, exported and published."""
