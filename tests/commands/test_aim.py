"""`kiosk aim`: asks the director of this machine, and says in a sentence what is wrong."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli import main
from kiosk.status import look
from tests.director.shop import opened, settings_for

ROOT = Path(__file__).parents[2]


def aim(port: int, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["aim", "--set", f"player.port={port}", *arguments])


def told(port: int, *arguments: str) -> tuple[int, str]:
    """As a person sees it, errors included."""
    command = [sys.executable, "-m", "kiosk", "aim", "--set", f"player.port={port}", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_it_begins_and_ends_the_aiming_and_says_where_to_look(tmp_path):
    async def scenario():
        async with opened(tmp_path) as shop:
            port, screens = shop.director._web.port, shop.director._screens
            begun = await asyncio.to_thread(aim, port, "--minutes", "0.5")
            assert begun.exit_code == 0, begun.output
            assert "no screen: none is connected, for 0.5 minutes" in begun.output
            assert f"http://127.0.0.1:{port}/aim" in begun.output
            assert screens.aiming
            async with shop.screen():
                await shop.until(lambda: screens.count == 1, "a page is connected")
                again = await asyncio.to_thread(aim, port)
                assert "on 1 screen page(s), for 5 minutes" in again.output
                settings = settings_for(tmp_path, player={"port": port})
                found = await asyncio.to_thread(look, settings, shop.clock)
                plays = next(one for one in found if one.name == "plays")
                assert plays.state == "warn"
                assert "the aiming page covers them" in plays.message
            ended = await asyncio.to_thread(aim, port, "--stop")
            assert ended.exit_code == 0, ended.output
            assert not screens.aiming

    asyncio.run(scenario())


@pytest.mark.parametrize("minutes", ["0", "-1", "30.5", "nan"])
def test_a_wrong_time_is_one_sentence(minutes):
    code, said = told(1, "--minutes", minutes)
    assert code == 2
    assert f"--minutes {minutes}: more than 0 and at most 30 are possible" in said
    assert len(said.strip().splitlines()) <= 2


def test_without_a_director_it_says_so():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    code, said = told(port)
    assert code == 1
    assert f"http://127.0.0.1:{port}/aim: the director does not answer" in said
    assert len(said.strip().splitlines()) <= 2


def test_another_program_on_the_port_is_told_from_a_director():
    async def scenario():
        async def gibberish(reader, writer):
            with suppress(OSError):
                await reader.readline()
                writer.write(b"220 mail.example ESMTP\r\n")
                await writer.drain()
            writer.close()

        async with await asyncio.start_server(gibberish, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            code, said = await asyncio.to_thread(told, port)
            assert code == 1
            assert "what answers there is no director of this version" in said

    asyncio.run(scenario())
