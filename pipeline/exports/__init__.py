"""A project's documents, entities and relations as files; written row by row, whatever their number."""
