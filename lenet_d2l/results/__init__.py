"""Finished runs: on disk, in the spread of many, and those of others."""
