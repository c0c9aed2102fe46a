"""Pretrained models: found by name, checked, built, sampled, exported and published."""
