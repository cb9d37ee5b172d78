"""Where work runs that can be spread: threads of this process; later a cluster."""
