"""Where examples come from: files, archives, downloads, or made on the spot."""
