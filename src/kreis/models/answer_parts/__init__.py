"""What goes with an answer beside score and decision, as data in a package: one kind per file."""
