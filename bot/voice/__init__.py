"""Discord's side of the sound: gateway v8, UDP, RTP, transport encryption, DAVE and Opus.

Reading order, from the wire inwards: `udp` and `rtp`, `aead`, `dave`, `receive`; outwards: `opus`, `send`, `transmit`.
`gateway` speaks the voice websocket, `connection` puts it all together, `handshake` is the half that goes through
discord.py's own gateway.
"""
