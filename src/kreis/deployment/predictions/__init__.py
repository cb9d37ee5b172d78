"""The prediction log: written by the service before it answers, moved into the lake afterwards."""
