"""Formats: a file in, pages of text, images, sound and attachments out, from a child process with limits."""
