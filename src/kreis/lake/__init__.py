"""Delta tables whose every acknowledged commit is on disk, recorded, and verified when it is read."""
