"""R3GAN: a regularized relativistic loss, and networks without tricks."""
