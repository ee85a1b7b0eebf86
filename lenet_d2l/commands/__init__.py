"""The commands of ``python -m lenet_d2l``, a module each."""
