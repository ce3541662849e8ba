"""How many random examples a test tries: all of them in CI, a quarter in `make quick`, which somebody waits for."""

import os

#: Set in the environment of `make quick`.
FEWER_EXAMPLES = "PARLEY_FEWER_EXAMPLES"


def examples(most: int) -> int:
    """That many, or fewer of them."""
    return max(1, most // 4) if os.environ.get(FEWER_EXAMPLES) else most
