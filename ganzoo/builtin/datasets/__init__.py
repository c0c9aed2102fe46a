"""The datasets that core itself brings: point sets, digits, IDX files, a folder of images."""
