"""Places that kreis speaks to: what it keeps is shown there too, and nothing is read back from them."""
