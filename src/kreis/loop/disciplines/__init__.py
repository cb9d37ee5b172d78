"""What the loop does in each discipline: remembered steps, then a verdict."""
