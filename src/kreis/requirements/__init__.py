"""Requirements: the goal, written once as code; everything else derives from it."""
