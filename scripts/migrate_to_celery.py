#!/usr/bin/env python
"""Move documents of an earlier system into the chain: ``nlp-pipeline migrate documents``."""

import sys

from pipeline.cli.main import main

if __name__ == "__main__":
    sys.argv[1:1] = ["migrate", "documents"]
    main()
