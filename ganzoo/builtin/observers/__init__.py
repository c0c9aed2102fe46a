"""The built-in observers: remarks, checks of the training, log, grids, progress."""
