"""``python -m amser`` is the command ``amser``."""

from amser.cli import main

main()
