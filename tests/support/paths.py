"""Where the checkout is, and the command that was installed from it."""

import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
DRILLS = str(Path(sys.executable).with_name("drills"))
