"""LeNet-5 as the paper of 1998 has it, and what a net holds and does."""
