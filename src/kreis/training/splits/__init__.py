"""Which rows teach and which judge: one kind of split per file, all satisfying `split.SplitRule`."""
