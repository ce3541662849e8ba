"""Discord's side of the sound: gateway v8, UDP, RTP, transport encryption, DAVE and Opus.

Reading order, from the wire inwards: `udp` and `rtp`, `aead`, `dave`, `receive`; outwards: `opus`, `send`, `transmit`.
`gateway` speaks the voice websocket, `connection` puts it all together, `handshake` is the half that goes through
discord.py's own gateway, `close_codes` what each end of a websocket means. `owners` finds whose an SSRC is, `losses`
counts packets that never came, and `proposals` are the members whom a DAVE group has yet to add.
"""
