"""Request building at scale."""
