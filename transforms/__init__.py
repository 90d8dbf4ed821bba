"""Pure functions from bytes and frames to results: no clock, path, network or database."""
