"""How fast a training is: code that makes it fast, and its benchmark."""

# Of a bench, as the command line calls them
PARTS = ("whole", "split", "ladder", "yardstick", "scale")
