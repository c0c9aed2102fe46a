"""Rounds as graphs: the device's work of a round, captured once and replayed without Python."""
