"""python -m pycarbon: the command line."""

import sys

from pycarbon.commands import main

sys.exit(main())
