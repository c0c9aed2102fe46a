"""The built-in observers: the divergence check, the log, sample grids and the progress bar."""
