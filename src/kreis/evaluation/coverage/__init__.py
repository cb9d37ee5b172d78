"""Split conformal prediction: sets and intervals that hold what happens in a stated share of all cases."""
