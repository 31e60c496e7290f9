"""Finders of names."""
