"""The HTTP library of the providers' REST APIs, chosen here for all of Parley and its plugins."""

import httpx2 as httpx  # the way back is this line: `import httpx`, whose API it keeps

__all__ = ["httpx"]
