"""Watching everything run: what is there, as of one moment. How it is shown is the command line's affair."""
