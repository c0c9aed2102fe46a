"""SNGAN and BigGAN: a discriminator that is kept Lipschitz by spectral normalization."""
