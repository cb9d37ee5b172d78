"""Personal data: recognisers, one kind per file, and the guard that masks what they find."""
