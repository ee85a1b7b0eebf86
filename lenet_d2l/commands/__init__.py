"""The commands of ``lenet-d2l``, a module each."""
