#!/usr/bin/env python
"""The live monitor: ``nlp-pipeline watch``."""

import sys

from pipeline.cli.main import main

if __name__ == "__main__":
    sys.argv.insert(1, "watch")
    main()
