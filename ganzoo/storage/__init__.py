"""Bytes on disk and on the Hub: atomic writes, weight files, downloads pinned by commit."""
