"""The socket on which vision speaks: whatever comes, the director goes on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import pytest

from kiosk.audience import Audience, Receiver
from kiosk.audience.receiver import LINE_LIMIT
from kiosk.errors import StateError
from tests.fakes import FakeClock, record, viewer


class Heard:
    """What a receiver told."""

    def __init__(self, path):
        self.records: list[float] = []
        self.gone = 0
        self.clock = FakeClock()
        self.receiver = Receiver(path, self.clock, self._on_record, self._on_gone, 2.0)

    def _on_record(self, one):
        self.records.append(one.t_s)

    def _on_gone(self):
        self.gone += 1

    def state(self) -> str:
        receiver = self.receiver
        return Audience.of(
            receiver.latest, receiver.age_s(), 2, 0.3, connected=receiver.connected
        ).state


async def until(condition, what: str) -> None:
    for _ in range(6000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"not within 30 s: {what}")


def listening(scenario):
    """Run a coroutine with a receiver that listens."""

    def test(tmp_path):
        async def run():
            heard = Heard(tmp_path / "run" / "audience.sock")
            await heard.receiver.start()
            try:
                await scenario(heard, str(tmp_path / "run" / "audience.sock"))
            finally:
                await heard.receiver.stop()

        asyncio.run(run())

    test.__name__ = scenario.__name__
    return test


@listening
async def test_records_arrive_and_are_absent_live_stale_and_absent_again(heard, path):
    assert heard.state() == "absent"
    _, writer = await asyncio.open_unix_connection(path)
    await until(lambda: heard.receiver.connected, "connected")
    assert heard.state() == "stale", "it has said nothing yet"
    writer.write(record(1, viewer()).encode())
    await until(lambda: heard.records == [1], "the record")
    assert heard.state() == "live"
    heard.clock.advance(2.1)
    assert heard.state() == "stale"
    writer.write(record(2).encode())
    await until(lambda: heard.records == [1, 2], "the record")
    assert heard.state() == "live"
    writer.close()
    await until(lambda: not heard.receiver.connected, "gone")
    assert (heard.state(), heard.gone, heard.receiver.latest) == ("absent", 1, None)


def bad_lines():
    good = json.loads(record(1, viewer()).encode())
    person = asdict(viewer())

    def of(**changes):
        return {**good, "viewers": [{**person, **changes}]}

    return {
        "garbage": b"hello",
        "empty": b"",
        "no object": b"[1, 2]",
        "not text": b"\xff\xfe\x00",
        "unknown key": {**good, "picture": "x"},
        "missing key": {"t_s": 1},
        "deep": b"[" * 100_000,
        "time is text": {**good, "t_s": "now"},
        "time is no number": json.dumps({**good, "t_s": float("nan")}).encode(),
        "time is a truth": {**good, "t_s": True},
        "darkness is a number": {**good, "dark": 0.5},
        "viewer is a number": {**good, "viewers": [1]},
        "two of one name": {**good, "viewers": [person, person]},
        "id is a list": of(id=["a"]),
        "dwell is text": of(first_s="early"),
        "confidence is no number": json.dumps(of(age_p=float("nan"))).encode(),
        "unknown band": of(age_band="30ish"),
        "unknown gender": of(gender="x"),
        "unknown mood": of(mood="puzzled"),
        "box is a number": of(box=5),
        "box is short": of(box=[1, 2]),
        "looking is text": of(looking="yes"),
    }


@pytest.mark.parametrize("name", bad_lines())
def test_a_line_that_is_no_record_is_refused_and_the_next_one_taken(tmp_path, caplog, name):
    line = bad_lines()[name]
    data = line if isinstance(line, bytes) else json.dumps(line).encode()

    async def scenario(heard, path):
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(data + b"\n" + data + b"\n" + record(7).encode())
        await until(lambda: heard.records == [7], "the good record")
        assert heard.gone == 0
        writer.close()

    listening(scenario)(tmp_path)
    assert caplog.text.count("event=record_refused") == 1


@listening
async def test_a_giant_line_ends_the_connection_and_a_new_one_is_taken(heard, path):
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(b"x" * (LINE_LIMIT * 3))
    await until(lambda: heard.gone == 1, "thrown out")
    _, again = await asyncio.open_unix_connection(path)
    again.write(record(3).encode())
    await until(lambda: heard.records == [3], "the record")
    again.close()
    writer.close()


@listening
async def test_a_second_vision_is_refused_while_the_first_one_speaks(heard, path):
    _, first = await asyncio.open_unix_connection(path)
    first.write(record(1).encode())
    await until(lambda: heard.records == [1], "the first")
    reader, second = await asyncio.open_unix_connection(path)
    assert await reader.read() == b""
    first.write(record(2).encode())
    await until(lambda: heard.records == [1, 2], "still the first")
    assert heard.gone == 0
    first.close()
    second.close()


@listening
async def test_a_second_connection_replaces_a_silent_first_whose_words_count_no_more(heard, path):
    _, first = await asyncio.open_unix_connection(path)
    first.write(record(1).encode())
    await until(lambda: heard.records == [1], "the first")
    heard.clock.advance(2.0)
    _, second = await asyncio.open_unix_connection(path)
    await until(lambda: heard.gone == 1, "the first has gone")
    second.write(record(2).encode())
    try:
        first.write(record(99).encode())
        await first.drain()
    except ConnectionError:
        pass
    await until(lambda: heard.records == [1, 2], "the second")
    assert heard.receiver.connected
    first.close()
    second.write(record(3).encode())
    await until(lambda: heard.records == [1, 2, 3], "still the second")
    assert heard.gone == 1
    second.close()


@listening
async def test_a_line_that_the_end_of_vision_cut_is_not_a_fault(heard, path):
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(record(1).encode() + record(2).encode()[:-20])
    writer.close()
    await until(lambda: heard.gone == 1, "gone")
    assert heard.records == [1]


@listening
async def test_after_the_stop_nothing_is_counted_any_more(heard, path):
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(record(1).encode())
    await until(lambda: heard.records == [1], "the record")
    writer.write(record(2).encode() * 50)
    await heard.receiver.stop()
    assert heard.gone == 1
    counted = len(heard.records)
    await asyncio.sleep(0.05)
    assert len(heard.records) == counted
    assert heard.gone == 1
    writer.close()


def test_a_socket_file_of_a_dead_director_is_no_obstacle_and_a_bad_folder_is_a_sentence(tmp_path):
    (tmp_path / "a.sock").write_text("left over")
    (tmp_path / "file").write_text("")

    async def scenario():
        heard = Heard(tmp_path / "a.sock")
        await heard.receiver.start()
        await heard.receiver.stop()
        assert not (tmp_path / "a.sock").exists()
        with pytest.raises(StateError, match="the audience socket cannot be made"):
            await Heard(tmp_path / "file" / "a.sock").receiver.start()

    asyncio.run(scenario())


def test_a_receiver_that_never_listened_leaves_the_socket_of_another_alone(tmp_path):
    async def scenario():
        one, other = Heard(tmp_path / "a.sock"), Heard(tmp_path / "a.sock")
        await one.receiver.start()
        await other.receiver.stop()
        assert (tmp_path / "a.sock").exists()
        await one.receiver.stop()

    asyncio.run(scenario())


def test_who_came_a_moment_ago_is_no_audience_yet_but_may_be_a_minor():
    fresh = viewer("child", 9.9, 10, minor_possible=True)
    found = Audience.of(record(10, viewer("a"), fresh), 0.1, 2, 0.3, connected=True)
    assert [one.id for one in found.viewers] == ["a"]
    assert found.minor_possible


def test_a_picture_is_no_audience_and_a_child_on_a_poster_blocks_nothing():
    poster = viewer("p", live=False, minor_possible=True)
    found = Audience.of(record(10, viewer("a"), poster), 0.1, 2, 0.3, connected=True)
    assert [one.id for one in found.viewers] == ["a"]
    assert not found.minor_possible
