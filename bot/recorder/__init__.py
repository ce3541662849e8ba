"""The flight recorder: what happened in a call, without what was said, by whom, or with which secrets.

A call reports `events` to its `recorder`; a `folder` writes them, one file for each call, as a `redactor` has made
them: `pseudonyms` in place of ids and tokens, `shapes` in place of contents. `exchanges` are the requests to the
provider, which the watchdog may make; `observed_transport` sees them. A file is read by `reading`, `timeline` tells it
to people, `contract` says where the services behaved in another way than the code assumes, and `comparison` whether two
calls came to the same end.
"""
