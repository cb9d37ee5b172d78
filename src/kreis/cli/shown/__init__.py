"""How `kreis show` prints each kind of thing, one kind per file."""
