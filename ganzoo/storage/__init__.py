"""Bytes on disk and on the Hub: whole files, weight files, pinned downloads."""
