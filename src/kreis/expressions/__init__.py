"""The allow-listed expression tree: one definition for batches (Polars) and single rows (NumPy)."""
