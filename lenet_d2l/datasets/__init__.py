"""Data sets: where their files come from, and pictures of your own."""
