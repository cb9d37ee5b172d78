"""Red team: attacks on what answers, each with a test of success that needs no judge."""
