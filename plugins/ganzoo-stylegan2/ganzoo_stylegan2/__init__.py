"""StyleGAN2, and the progressive GAN that came before it."""
