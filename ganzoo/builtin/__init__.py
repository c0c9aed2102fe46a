"""What core itself offers, through the same hooks as any plugin."""
