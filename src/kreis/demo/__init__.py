"""The demo: a year of real flights in a few minutes, with a simulated clock."""
