"""Plugins: the hooks they implement, how they are loaded and looked up, and which are known."""
