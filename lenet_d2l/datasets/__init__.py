"""Data sets: where their files come from, and pictures of your own."""

# As the command line calls them; the first is the default
NAMES = ("fashion-mnist", "mnist")
