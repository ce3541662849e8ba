"""Discord's voice servers: the v8 gateway, RTP forwarding, and DAVE's external sender."""
