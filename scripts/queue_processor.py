#!/usr/bin/env python
"""Start the queue processor."""

from pipeline.queue_processor import main

if __name__ == "__main__":
    main()
