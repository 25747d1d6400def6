"""`python -m fp8lab` is the command `fp8lab`."""

import sys

from fp8lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
