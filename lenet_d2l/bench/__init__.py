"""The bench: what a training costs, where the time goes, how it grows."""
