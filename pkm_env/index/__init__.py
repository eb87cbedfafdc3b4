"""Package indexes: pages, files, credentials, and the connections to them."""
