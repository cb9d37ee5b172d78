"""Deployment: signed packages, releases, routing, the server and its prediction log."""
