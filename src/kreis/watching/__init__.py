"""Keeps the circle turning: looks at a service, writes alerts, starts the circle anew."""
