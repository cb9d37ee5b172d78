"""Whether probabilities are what they say: reliability, and the line through it."""
