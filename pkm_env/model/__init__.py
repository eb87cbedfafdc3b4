"""Values that every layer shares: targets, environments, distributions, and the ports of the edges."""
