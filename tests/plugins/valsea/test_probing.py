"""What Valsea is asked to find out what its documentation leaves open: nothing that costs, nothing that goes on."""

from typing import Any

import pytest

from bot.api import ProviderDown, httpx
from plugins.valsea import probing
from plugins.valsea.settings import ValseaSettings

ROOM, VOICEBOT = "ext-vb/1 2", "66f0c1d2e3a4b5c6d7e8f901"


class Api:
    """Answers by path; what is not named there is not found, with a page. `asked` has all that was asked."""

    def __init__(self, **answers: httpx.Response | Exception) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Any]] = []
        self.begun: list[tuple[str, int]] = []  # and how much had been asked by then

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        self.asked.append((method, path, options.get("headers")))
        answer = self.answers.get(path.rpartition("/")[2], httpx.Response(404, html="<html>"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def probe(self, **settings: Any) -> None:
        await probing.probe(
            self.send,
            ValseaSettings.model_validate(settings),
            ROOM,
            VOICEBOT,
            lambda what: self.begun.append((what, len(self.asked))),
        )

    def of(self, what: str) -> list[str]:
        """The paths that were asked in one group."""
        begins = [*(count for _, count in self.begun), len(self.asked)]
        at = [name for name, _ in self.begun].index(what)
        return [path for _, path, _ in self.asked[begins[at] : begins[at + 1]]]


async def test_the_first_path_that_has_a_transcript_is_the_last_one_asked() -> None:
    api = Api(transcript=httpx.Response(200, json=[]))
    await api.probe()
    assert [name for name, _ in api.begun] == ["messages", "profile", "key", "voicebot"]
    assert [path.rpartition("/")[2] for path in api.of("messages")] == ["messages", "transcript"]
    assert api.of("messages")[0] == "/v1/voicebot-livekit/session/ext-vb%2F1%202/messages"
    assert api.of("profile") == [f"/v1/voicebots/{VOICEBOT}"]


async def test_the_configured_path_comes_first_and_only_once() -> None:
    api = Api()
    await api.probe(messages_path="/v1/voicebot-livekit/session/{room}/transcript")
    paths = api.of("messages")
    assert paths[0].endswith("/transcript")
    assert len(paths) == len(set(paths)) == len(probing.MESSAGES_PATHS)


async def test_a_page_is_no_transcript() -> None:
    api = Api(messages=httpx.Response(200, html="<html>"))
    await api.probe()
    assert len(api.of("messages")) == len(probing.MESSAGES_PATHS)


async def test_only_one_request_has_another_key() -> None:
    api = Api()
    await api.probe()
    others = [(path, headers) for _, path, headers in api.asked if headers is not None]
    assert others == [(api.of("key")[0], {"Authorization": f"Bearer {probing.WRONG_KEY}"})]
    assert {method for method, _, _ in api.asked} == {"GET"}, "nothing is opened or ended"


@pytest.mark.parametrize("error", [httpx.ReadTimeout("slow"), ProviderDown("away")])
async def test_no_answer_stops_nothing(error: Exception) -> None:
    api = Api(messages=error, transcript=httpx.Response(200, json={"messages": []}))
    await api.probe()
    assert len(api.of("messages")) == 2
    assert api.of("voicebot") == [f"/v1/voicebot-livekit/voicebots/{probing.WRONG_VOICEBOT}/image-mappings/library"]
