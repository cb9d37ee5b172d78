"""What lets a model look better than it is: one kind of leak per file, each refused with its evidence."""
