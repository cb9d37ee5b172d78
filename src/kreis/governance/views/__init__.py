"""Views: what is known of one thing, typed; a terminal lays it out, `--json` encodes it, a notebook holds it."""
