"""Documents in; text, chunks, entities and their graph out."""

__version__ = "0.1.0"
