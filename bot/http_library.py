"""The HTTP library of the providers' REST APIs, chosen here for all of Parley and its plugins.

httpx imports its transport with the first client, which is made on an event loop: it is imported here, before there is
one.
"""

import httpcore2  # noqa: F401
import httpx2 as httpx  # the way back is these two lines: `import httpcore` and `import httpx`, whose API it keeps

__all__ = ["httpx"]
