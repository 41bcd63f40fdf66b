"""From raw logs to requests: the generic events files, their adapters, and one user's events → leak-free requests."""
