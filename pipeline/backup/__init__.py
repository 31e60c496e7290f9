"""A copy of everything that the embedded shape keeps: made while it runs, and put back into an empty home."""
