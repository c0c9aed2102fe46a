"""Built-in observers: the log, sample grids, the progress bar, the watch for divergence."""
