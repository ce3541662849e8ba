"""What every test has; what tests of calls play on is in `tests/stage.py`, which `make quick` does without."""

import os

from hypothesis import settings

from tests.effort import examples

# How fast an example runs says nothing on a machine that does other things too; it is measured in `benchmarks/`.
settings.register_profile("parley", deadline=None, max_examples=examples(100))
settings.load_profile("parley")

# In a quick run what it brings is imported here, when its lines are counted already (`--cov`).
pytest_plugins = ["tests.quick", "bot.testing.fixtures"] if os.environ.get("PARLEY_QUICK") else ["tests.stage"]
