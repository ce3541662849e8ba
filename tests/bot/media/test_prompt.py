"""The prompt says what it is given at the pace of the ticks, and counts what it hears."""

import numpy as np

from bot.bridge import FRAME_SAMPLES, Frame
from bot.media.prompt import MAX_FRAMES, Prompt

SILENCE: Frame = np.zeros(FRAME_SAMPLES, np.int16)


def _prompt() -> tuple[Prompt, list[Frame]]:
    said: list[Frame] = []
    return Prompt(said.append), said


def test_one_frame_at_each_tick_and_the_last_one_filled() -> None:
    prompt, said = _prompt()
    samples = np.arange(1, 2 * FRAME_SAMPLES + 101, dtype=np.int16)
    prompt.say(samples)
    assert said == []
    for count in (1, 2, 3, 3):
        prompt.tick()
        assert len(said) == count
    assert {len(frame) for frame in said} == {FRAME_SAMPLES}
    whole = np.concatenate(said)
    assert np.array_equal(whole[: len(samples)], samples)
    assert not whole[len(samples) :].any()


def test_whole_frames_get_no_silence_behind_them() -> None:
    prompt, said = _prompt()
    prompt.say(np.full(FRAME_SAMPLES, 7, np.int16))
    prompt.tick()
    prompt.tick()
    assert len(said) == 1


def test_what_is_said_is_bounded() -> None:
    prompt, said = _prompt()
    prompt.say(np.zeros((MAX_FRAMES + 5) * FRAME_SAMPLES, np.int16))
    for _ in range(MAX_FRAMES + 5):
        prompt.tick()
    assert len(said) == MAX_FRAMES


def test_sound_is_counted_and_silence_is_not() -> None:
    prompt, _ = _prompt()
    for frame in (SILENCE, np.full(FRAME_SAMPLES, 900, np.int16), SILENCE, np.full(FRAME_SAMPLES, -900, np.int16)):
        prompt.feed(frame)
    assert (prompt.heard, prompt.stats.fed, prompt.held) == (2, 4, 0.0)


async def test_leaving_ends_it() -> None:
    prompt, said = _prompt()
    prompt.say(np.ones(3 * FRAME_SAMPLES, np.int16))
    await prompt.leave()
    prompt.tick()
    assert said == []
