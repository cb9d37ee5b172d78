"""How alike groups are treated: their rates, how far apart these are, and what tells a group from the features."""
