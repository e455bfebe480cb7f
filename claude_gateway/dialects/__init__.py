"""API formats. Inside there is one vocabulary; a dialect translates at the edge, both ways."""
