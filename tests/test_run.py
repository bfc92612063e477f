"""`kiosk run`: children that die are started again, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from kiosk.clock import SystemClock
from kiosk.config import RunSettings, write_settings
from kiosk.run import PROCESSES, RestartFiles, Supervisor, child_command
from kiosk.status import look
from tests.director.shop import settings_for, write_campaign
from tests.fakes import FakeClock
from tests.mosquitto import free_port, wait_for

ROOT = Path(__file__).parents[1]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


SLEEP = python("import time; time.sleep(60)")


class Watch:
    """A supervisor whose clock we move."""

    def __init__(self, commands, **settings) -> None:
        self.clock = FakeClock()
        self.supervisor = Supervisor(commands, RunSettings(**settings), self.clock.monotonic)

    def state(self, name: str) -> str:
        return self.supervisor.children[name].state

    def dies(self, name: str) -> None:
        """Wait until the child has died, and look after it."""
        process = self.supervisor.children[name].process
        assert process is not None
        process.wait(15)
        self.supervisor.tick()


@pytest.fixture
def watch():
    made: list[Watch] = []

    def make(commands, **settings) -> Watch:
        made.append(Watch(commands, **settings))
        return made[-1]

    yield make
    for one in made:
        one.supervisor.stop_all()


def test_a_child_that_dies_is_started_again_within_its_budget(watch, caplog):
    one = watch({"director": python("raise SystemExit(3)")}, restart_budget=2, restart_window_s=60)
    one.supervisor.tick()
    for _ in range(2):
        one.dies("director")
        assert one.state("director") == "waiting"
        one.supervisor.tick()
        assert one.state("director") == "waiting", "not at once"
        one.clock.advance(0.6)
        one.supervisor.tick()
        assert one.state("director") == "running"
    one.dies("director")
    assert "event=process_given_up name=director" in caplog.text
    one.clock.advance(59)
    one.supervisor.tick()
    assert one.state("director") == "waiting"
    one.clock.advance(2)
    one.supervisor.tick()
    assert one.state("director") == "running", "given up, but not for ever"


def test_deaths_of_long_ago_are_forgotten(watch, caplog):
    one = watch({"director": python("raise SystemExit(3)")}, restart_budget=1, restart_window_s=60)
    one.supervisor.tick()
    for _ in range(4):
        one.dies("director")
        one.clock.advance(61)
        one.supervisor.tick()
        assert one.state("director") == "running"
    assert "given_up" not in caplog.text
    assert len(one.supervisor.children["director"].deaths) <= 2


@pytest.mark.parametrize(
    ("name", "code", "state"),
    [
        ("director", 2, "refused"),
        ("vision", 2, "refused"),
        ("vision", 0, "finished"),
        ("director", 0, "waiting"),
        ("uplink", 0, "waiting"),
        ("vision", 1, "waiting"),
    ],
)
def test_the_exit_code_says_whether_another_try_helps(watch, name, code, state):
    one = watch({name: python(f"raise SystemExit({code})")})
    one.supervisor.tick()
    one.dies(name)
    assert one.state(name) == state
    one.clock.advance(600)
    one.supervisor.tick()
    assert (one.state(name) == "running") is (state == "waiting")


def test_a_program_that_cannot_be_started_counts_as_dead_and_harms_no_other(watch, caplog):
    one = watch({"director": ["/nowhere/kiosk"], "uplink": SLEEP})
    one.supervisor.tick()
    assert "event=process_not_started name=director" in caplog.text
    assert one.state("director") == "waiting"
    assert list(one.supervisor.pids()) == ["uplink"]


def test_children_are_stopped_in_order_and_one_that_will_not_is_killed(watch, tmp_path):
    def child(name: str, obeys: bool = True) -> list[str]:
        stop = f"open({str(tmp_path / 'order')!r}, 'a').write({name + ' '!r})"
        leave = "sys.exit(0)" if obeys else "None"
        return python(
            "import signal, sys, time, pathlib;"
            f"signal.signal(signal.SIGTERM, lambda *_: ({stop}, {leave}));"
            f"pathlib.Path({str(tmp_path / name)!r}).touch();"
            "[time.sleep(0.05) for _ in range(1200)]"
        )

    one = watch(
        {name: child(name, obeys=name != "director") for name in PROCESSES}, stop_timeout_s=0.5
    )
    one.supervisor.tick()
    wait_for(lambda: all((tmp_path / name).exists() for name in PROCESSES), "all run")
    pids = one.supervisor.pids()
    one.supervisor.stop_all()
    order = (tmp_path / "order").read_text().split()
    assert sorted(order[:2]) == ["director", "vision"]
    assert order[2:] == ["uplink"]
    assert not any(psutil.pid_exists(pid) for pid in pids.values())
    assert one.supervisor.pids() == {}


def test_a_restart_that_is_asked_for_is_no_death_and_holds_nobody_up(watch, caplog):
    one = watch({"director": SLEEP, "uplink": SLEEP}, restart_budget=0)
    one.supervisor.tick()
    before = one.supervisor.pids()
    one.supervisor.restart("director")
    assert one.supervisor.pids() == {"uplink": before["uplink"]}
    one.supervisor.children["director"].process.wait(15)
    one.supervisor.tick()
    after = one.supervisor.pids()
    assert after["uplink"] == before["uplink"]
    assert after["director"] != before["director"]
    assert "process_died" not in caplog.text
    assert "process_given_up" not in caplog.text


def test_one_that_does_not_stop_for_its_restart_is_killed_in_time(watch, tmp_path, caplog):
    stubborn = python(
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(tmp_path / 'up')!r}).touch(); time.sleep(60)"
    )
    one = watch({"director": stubborn}, stop_timeout_s=3)
    one.supervisor.tick()
    wait_for((tmp_path / "up").exists, "it runs")
    [before] = one.supervisor.pids().values()
    one.supervisor.restart("director")
    one.clock.advance(2)
    one.supervisor.tick()
    assert psutil.pid_exists(before)
    one.clock.advance(2)
    one.supervisor.tick()
    one.supervisor.children["director"].process.wait(15)
    one.supervisor.tick()
    assert one.supervisor.pids()["director"] != before
    assert "event=process_killed name=director" in caplog.text


def test_a_restart_gives_a_refused_process_another_try_and_wakes_none_that_was_stopped(watch):
    one = watch({"vision": python("raise SystemExit(2)"), "director": SLEEP})
    one.supervisor.tick()
    one.dies("vision")
    one.supervisor.stop("director")
    for name in ("vision", "director"):
        one.supervisor.restart(name)
    one.supervisor.tick()
    assert one.state("vision") == "running"
    assert one.state("director") == "stopped"


def test_a_vision_whose_film_is_over_starts_again_for_a_new_configuration(watch):
    one = watch({"vision": python("pass")})
    one.supervisor.tick()
    one.dies("vision")
    assert one.state("vision") == "finished"
    one.supervisor.restart("vision")
    one.supervisor.tick()
    assert one.state("vision") == "running"


def test_a_restart_is_asked_for_by_touching_a_file_since_the_start(tmp_path):
    (tmp_path / "vision").write_text("of long ago")
    files = RestartFiles(tmp_path, PROCESSES)
    assert files.asked() == []
    (tmp_path / "director").write_text("now")
    os.utime(tmp_path / "vision", (1, 1))
    assert sorted(files.asked()) == ["director", "vision"]
    assert files.asked() == []


def test_ctrl_c_on_the_terminal_reaches_no_child(watch):
    one = watch({"director": SLEEP})
    one.supervisor.tick()
    [pid] = one.supervisor.pids().values()
    assert os.getpgid(pid) != os.getpgid(0)


def test_a_child_is_started_with_this_python_and_one_configuration(tmp_path):
    assert child_command("vision", tmp_path / "c.yaml") == [
        sys.executable,
        "-m",
        "kiosk",
        "vision",
        "--config",
        str(tmp_path / "c.yaml"),
    ]


def started(folder: Path, **changes) -> subprocess.Popen[bytes]:
    sections = {
        "player": {"port": free_port()},
        "broker": {"port": free_port()},
        "vision": {"source": str(folder / "no-camera")},
        **changes,
    }
    settings = settings_for(folder, **sections)
    write_settings(settings, folder / "config.yaml")
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "kiosk", "run", "--config", str(folder / "config.yaml")],
            cwd=ROOT,
            stderr=log,
            start_new_session=True,
        )


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        *(pytest.param(one, marks=pytest.mark.long) for one in (signal.SIGINT, signal.SIGHUP)),
    ],
)
def test_a_signal_stops_everything_and_leaves_no_child(tmp_path, number):
    write_campaign(tmp_path)
    run = started(tmp_path)
    try:
        wait_for(lambda: b"event=play " in (tmp_path / "log").read_bytes(), "the director plays")
        children = psutil.Process(run.pid).children(recursive=True)
        assert len(children) >= 2
        os.killpg(run.pid, number)
        assert run.wait(30) == 0
        assert not any(child.is_running() for child in children)
        assert not (tmp_path / "audience.sock").exists()
        assert b"Traceback" not in (tmp_path / "log").read_bytes()
    finally:
        if run.poll() is None:
            run.terminate()
            run.wait(30)


def test_a_director_that_is_killed_or_that_head_office_wants_restarted_is_back_soon(tmp_path):
    write_campaign(tmp_path)
    run = started(tmp_path, desired={"folder": tmp_path / "desired"})
    try:
        log = tmp_path / "log"
        wait_for(lambda: b"event=play " in log.read_bytes(), "the director plays")
        # One that has just ended has no command line, and is not the one that plays.
        [director] = [
            child
            for child in psutil.Process(run.pid).children()
            if child.status() != psutil.STATUS_ZOMBIE and "director" in child.cmdline()
        ]
        before = log.read_bytes().count(b"event=pages_ready")
        director.kill()
        wait_for(lambda: log.read_bytes().count(b"event=pages_ready") > before, "it is back")
        (tmp_path / "desired/restart").mkdir(parents=True)
        (tmp_path / "desired/restart/director").write_text("restart")
        wait_for(lambda: log.read_bytes().count(b"event=pages_ready") > before + 1, "once more")
        assert log.read_bytes().count(b"event=process_died name=director") == 1
    finally:
        run.terminate()
        assert run.wait(30) == 0


def test_children_do_not_outlive_a_run_that_was_killed(tmp_path):
    run = started(tmp_path)
    wait_for(lambda: "event=pages_ready" in (tmp_path / "log").read_text(), "the director", 20)
    children = psutil.Process(run.pid).children()
    assert children
    run.kill()
    run.wait(10)
    _, alive = psutil.wait_procs(children, timeout=15)
    for child in alive:
        child.kill()
    assert alive == []


def test_a_missing_camera_is_waited_for_and_told_once_while_the_director_plays(tmp_path):
    write_campaign(tmp_path)
    port = free_port()
    models_dir = ROOT / "models_ir"
    if not (models_dir / "face-detection-yunet/built.json").is_file():
        pytest.skip("the models are not built: run `kiosk models build`")
    seeing = {"source": "/dev/video97", "models_dir": models_dir}
    run = started(tmp_path, player={"port": port}, vision=seeing)
    log = tmp_path / "log"
    try:
        wait_for(lambda: b"event=play " in log.read_bytes(), "the director plays", 20)
        wait_for(lambda: b"event=vision_connected" in log.read_bytes(), "vision", 20)
        settings = settings_for(tmp_path, player={"port": port})
        said = {one.name: one.message for one in look(settings, SystemClock())}
        assert "it runs, but has looked at no frame yet" in said["vision"]
        time.sleep(3)
        told = log.read_text()
        assert told.count("there is no camera") == told.count("event=camera_silent") == 1
        assert "name=vision" not in told, "it has not died"
    finally:
        run.terminate()
        assert run.wait(30) == 0
