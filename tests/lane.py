"""Runs pytest as `python -m pytest` does, in a process that LiveKit's threads cannot abort at its end."""

import sys
import traceback
from typing import NoReturn

import pytest

from sandbox.ending import end_process


def main() -> NoReturn:
    """Run the tests that the arguments name, and end with pytest's exit code."""
    code = 1
    try:
        code = int(pytest.main(sys.argv[1:]))
    except Exception:  # such as warnings about what is found open at the very end
        traceback.print_exc()
    end_process(code)


if __name__ == "__main__":
    main()
