"""How fast a training is: code that makes it fast, and its benchmark."""
