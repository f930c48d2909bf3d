"""Statistics on plain arrays and frames: no domain words, every method with its source."""
