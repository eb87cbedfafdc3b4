"""What is installed in an environment, and how that is changed under a journal."""
