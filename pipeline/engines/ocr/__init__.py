"""Engines that read the text of a page's image."""
