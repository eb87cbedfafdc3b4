"""What was fetched or derived once: content-addressed wheels, index digests, metadata."""
