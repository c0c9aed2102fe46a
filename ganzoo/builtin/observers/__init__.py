"""The built-in observers: remarks, the divergence check, the log, grids and the progress bar."""
