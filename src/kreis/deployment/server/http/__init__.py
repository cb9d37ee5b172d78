"""The service's HTTP face: paths, statuses, headers, bodies and deadlines around the core."""
