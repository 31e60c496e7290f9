"""The HTTP API: upload, watch, read, search, follow. Routes are thin; what they ask stands in ``pipeline/stores``."""
