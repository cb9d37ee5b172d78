"""What tells each feature's part in an answer, read from what a trainer made; one library in each file."""
