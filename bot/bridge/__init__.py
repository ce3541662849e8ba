"""Sound between two clocks: jitter buffer, mixer, playout, voice activity.

Pure: every class takes time as an argument, owns no clock and does no I/O; nothing here imports the rest of Parley.
Frames are int16 mono, 48 kHz, 960 samples (20 ms).

Reading order, people to the room: `jitter_buffer` (with `delay`), `speaker` (with `stretch`, `fade`, `activity` and
`auto_gain`), `mixer`, `outflow`. The voicebot to people: `track_mixer`, `playout`. Between them: `interruption`, which
goes by `voicing`.
"""

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 48_000
FRAME_SAMPLES = 960
FRAME_SECONDS = 0.02

Frame = NDArray[np.int16]
