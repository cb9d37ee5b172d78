"""Papers about a model and its data, from the record: the evaluation report, the datasheet, Croissant."""
