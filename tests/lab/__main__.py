"""python3 tests/lab VERB: the lab from the command line."""

import pathlib
import sys

# Called as a directory, Python knows this file only: make the package beside it importable.
sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab.cli import main  # noqa: E402

sys.exit(main())
