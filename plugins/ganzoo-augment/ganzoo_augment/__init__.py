"""Differentiable augmentation of what the discriminator sees, for any variant."""
