"""Where things are kept: the database of record, the graph, files."""
