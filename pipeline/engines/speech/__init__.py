"""Engines that turn a recording into text."""
