"""The Model Context Protocol, as a server speaks it: messages, names, and what is listed and given."""
