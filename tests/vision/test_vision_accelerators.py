"""Accelerators that fail while they are used, hang, stay away and come back, on cue."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from kiosk.config import InferenceSettings, VisionSettings
from kiosk.errors import AcceleratorError
from kiosk.vision import VisionRecord, engine
from kiosk.vision.pipeline import Pipeline
from kiosk.vision.runtime import Network, Runtime
from tests.vision.conftest import ROOT, frames_of
from tests.vision.sticks import Core, Cues, Stick, destroyed_under_way, load_all

SOON = InferenceSettings(
    device="MYRIAD", fallback=["CPU"], answer_s=0.2, load_s=0.3, retry_min_s=0.05, retry_max_s=0.4
)
NEVER = SOON.model_copy(
    # Nothing is prepared, so that each step is seen by itself.
    update={"retry_min_s": 99, "retry_max_s": 99, "standby": False}
)


@pytest.fixture(autouse=True)
def _told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    destroyed_under_way.clear()


@pytest.fixture
def core() -> Core:
    return Core(["CPU", "GPU", "MYRIAD"])


@pytest.fixture
def stick(core: Core) -> Cues:
    return core.cues["MYRIAD"]


def opened(
    settings: InferenceSettings, two_models: Path, core: Core
) -> tuple[Runtime, list[Network]]:
    runtime = Runtime(settings, two_models, core)
    return runtime, runtime.on_first_device(load_all)


def look(networks: list[Network], *levels: int) -> list[float]:
    """Show each network a grey picture, all before any answer; how bright each says it is."""
    for network, level in zip(networks, levels, strict=True):
        network.input[:] = level
        network.start()
    return [float(network.wait()["brightness"][0]) for network in networks]


def until(runtime: Runtime, what: Callable[[], bool], within_s: float = 30) -> None:
    """Let frames pass until something has come about."""
    end = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end, "it did not come about"
        runtime.between_frames()
        time.sleep(0.005)


# ---- lost ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_start", [False, True], ids=["while waited for", "when started"])
@pytest.mark.parametrize("good", [2, 3], ids=["the first of two", "the second of two"])
def test_a_look_on_a_processor_that_fails_is_made_on_the_next_one(
    two_models: Path,
    core: Core,
    stick: Cues,
    caplog: pytest.LogCaptureFixture,
    *,
    at_start: bool,
    good: int,
) -> None:
    runtime, networks = opened(NEVER, two_models, core)
    assert look(networks, 10, 20) == [10, 20]
    assert runtime.device == "MYRIAD"
    stick.good, stick.at_start = good - 2, at_start
    assert look(networks, 30, 40) == [30, 40]
    assert runtime.device == "CPU"
    assert caplog.text.count("event=accelerator_lost") == 1
    assert "device=MYRIAD using=CPU reason=Failed to read output from FIFO: X_LINK" in caplog.text
    (network, _) = networks
    network.input[:] = 50
    assert network.run()["brightness"][0] == 50
    assert [one.runs for one in networks] == [3, 2]
    assert stick.asked == 4 - (at_start and good == 2), "it is not asked again"


def test_networks_that_are_not_used_are_loaded_one_a_frame(two_models: Path, core: Core) -> None:
    runtime, networks = opened(NEVER, two_models, core)
    core.cues["MYRIAD"].good = 0
    networks[0].run()
    loaded = [(name, device) for name, device, _ in core.compiled[2:]]
    assert loaded == [("a.xml", "CPU")]
    runtime.between_frames()
    runtime.between_frames()
    assert [name for name, *_ in core.compiled[2:]] == ["a.xml", "b.xml"]


def test_each_processor_of_the_order_is_tried(two_models: Path, core: Core) -> None:
    settings = NEVER.model_copy(update={"fallback": ["NPU", "GPU", "CPU"]})
    runtime, networks = opened(settings, two_models, core)
    core.cues["MYRIAD"].good = core.cues["GPU"].good = 0
    assert look(networks, 30, 40) == [30, 40]
    assert runtime.device == "CPU"


@pytest.mark.parametrize("fallback", [[], ["NPU"]], ids=["none", "another that is not there"])
def test_when_none_is_left_that_is_one_sentence(
    two_models: Path, core: Core, fallback: list[str]
) -> None:
    settings = NEVER.model_copy(update={"fallback": fallback})
    _, networks = opened(settings, two_models, core)
    core.cues["MYRIAD"].good = 0
    with pytest.raises(AcceleratorError, match=r"X_LINK_ERROR|NPU: no such device here"):
        look(networks, 10, 20)


# ---- back ---------------------------------------------------------------------------------------


def test_one_that_works_again_is_gone_back_to(
    two_models: Path, core: Core, stick: Cues, caplog: pytest.LogCaptureFixture
) -> None:
    runtime, networks = opened(SOON, two_models, core)
    stick.good = 0
    look(networks, 10, 20)
    stick.good = None
    networks[1].input[:] = 60
    until(runtime, lambda: runtime.device == "MYRIAD")
    assert "event=accelerator_back device=MYRIAD" in caplog.text
    asked = stick.asked
    assert networks[1].run()["brightness"][0] == 60, "what was drawn came along"
    assert look(networks, 30, 40) == [30, 40]
    assert stick.asked == asked + 3


def test_one_that_was_pulled_out_is_only_looked_for_until_it_is_there(
    two_models: Path, core: Core, stick: Cues, caplog: pytest.LogCaptureFixture
) -> None:
    runtime, networks = opened(SOON, two_models, core)
    core.available_devices, stick.good = ["CPU"], 0
    look(networks, 10, 20)
    until(runtime, lambda: caplog.text.count("reason=no such device here") == 4)
    waits = [line.split("next_s=")[1].split()[0] for line in caplog.messages if "next_s" in line]
    assert waits == ["0.1", "0.2", "0.4", "0.4"]
    assert [device for _, device, _ in core.compiled].count("MYRIAD") == 2
    # Another port gives it another name.
    core.available_devices, stick.good = ["CPU", "MYRIAD.2.1-ma2480"], None
    until(runtime, lambda: runtime.device == "MYRIAD")


def test_one_that_was_not_there_at_the_start_is_taken_when_it_comes(
    two_models: Path, core: Core
) -> None:
    core.available_devices = ["CPU"]
    runtime, networks = opened(SOON, two_models, core)
    assert runtime.device == "CPU"
    core.available_devices = ["CPU", "MYRIAD"]
    until(runtime, lambda: runtime.device == "MYRIAD")
    assert look(networks, 30, 40) == [30, 40]


def test_one_that_comes_and_goes_is_tried_less_and_less(
    two_models: Path, core: Core, stick: Cues, caplog: pytest.LogCaptureFixture
) -> None:
    runtime, networks = opened(SOON, two_models, core)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        stick.good = 2 if runtime.device == "CPU" else 0  # It survives its trial, and no more.
        look(networks, 10, 20)
        runtime.between_frames()
        time.sleep(0.005)
    assert 3 <= caplog.text.count("event=accelerator_lost") <= 8


def test_one_that_has_worked_for_long_is_tried_again_soon(
    two_models: Path, core: Core, stick: Cues
) -> None:
    runtime, networks = opened(SOON, two_models, core)
    for _ in range(4):
        stick.good = 0
        look(networks, 10, 20)
        stick.good = None
        until(runtime, lambda: runtime.device == "MYRIAD")
    time.sleep(SOON.retry_max_s)
    stick.good = 0
    look(networks, 10, 20)
    stick.good, begun = None, time.monotonic()
    until(runtime, lambda: runtime.device == "MYRIAD")
    assert time.monotonic() - begun < 0.3


def test_frames_go_on_while_it_is_loaded(
    two_models: Path, core: Core, stick: Cues, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SOON.model_copy(update={"load_s": 5})
    runtime, networks = opened(settings, two_models, core)
    stick.good = 0
    look(networks, 10, 20)
    stick.good = None
    compile_model = core.compile_model

    def slowly(*told) -> object:
        time.sleep(0.4)
        return compile_model(*told)

    monkeypatch.setattr(core, "compile_model", slowly)
    longest, last = 0.0, time.monotonic()
    while runtime.device == "CPU":
        look(networks, 10, 20)
        runtime.between_frames()
        last, before = time.monotonic(), last
        longest = max(longest, last - before)
    assert longest < 0.2


# ---- standby ------------------------------------------------------------------------------------


def test_the_next_processor_has_the_models_before_it_is_needed(
    two_models: Path, core: Core, stick: Cues
) -> None:
    others = set(threading.enumerate())
    runtime, networks = opened(SOON, two_models, core)
    until(runtime, lambda: core.cues["CPU"].asked == 2)
    until(runtime, lambda: set(threading.enumerate()) <= others)
    runtime.between_frames()
    for _ in range(2):
        stick.good, loaded = 0, len(core.compiled)
        assert look(networks, 30, 40) == [30, 40]
        assert (runtime.device, len(core.compiled)) == ("CPU", loaded)
        stick.good = None
        until(runtime, lambda: runtime.device == "MYRIAD")
    # What came back to wait is not loaded again.
    assert [device for _, device, _ in core.compiled].count("CPU") == 2


def test_a_next_processor_that_refuses_them_is_asked_once(
    two_models: Path, core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    core.refused = {"CPU": ["a.xml", "b.xml"]}
    runtime, networks = opened(SOON, two_models, core)
    until(runtime, lambda: "event=standby_refused CPU: " in caplog.text)
    for _ in range(20):
        runtime.between_frames()
        time.sleep(0.005)
    assert caplog.text.count("standby_refused") == 1
    assert look(networks, 30, 40) == [30, 40]


# ---- hanging ------------------------------------------------------------------------------------


def test_a_look_that_never_returns_ends_at_its_deadline(
    two_models: Path, core: Core, stick: Cues, caplog: pytest.LogCaptureFixture
) -> None:
    runtime, networks = opened(NEVER, two_models, core)
    stick.good, stick.hangs = 0, True
    begun = time.monotonic()
    assert look(networks, 30, 40) == [30, 40]
    assert 0.2 <= time.monotonic() - begun < 0.4, "one deadline, not one of each"
    assert "reason=no answer in 0.2 s" in caplog.text
    del runtime, networks
    gc.collect()
    assert not destroyed_under_way
    stick.freed.set()


def test_one_that_hangs_again_and_again_is_given_up(
    two_models: Path, core: Core, stick: Cues, caplog: pytest.LogCaptureFixture
) -> None:
    runtime, networks = opened(SOON, two_models, core)
    stick.good, stick.hangs = 1, True
    look(networks, 10, 20)
    until(runtime, lambda: "event=accelerator_given_up device=MYRIAD" in caplog.text)
    asked = stick.asked
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        runtime.between_frames()
        time.sleep(0.01)
    assert stick.asked == asked
    assert caplog.text.count("given_up") == 1
    gc.collect()
    assert not destroyed_under_way
    # Whatever it was, it is over.
    stick.good = None
    stick.freed.set()
    until(runtime, lambda: runtime.device == "MYRIAD")


def test_a_model_that_is_never_loaded_is_a_reason_for_the_next_processor(
    two_models: Path, core: Core, stick: Cues, caplog: pytest.LogCaptureFixture
) -> None:
    stick.loading_hangs = True
    begun = time.monotonic()
    runtime, _ = opened(NEVER, two_models, core)
    assert time.monotonic() - begun < 1
    assert runtime.device == "CPU"
    assert "reason=does not load a within 0.3 s" in caplog.text
    stick.freed.set()


def test_the_longest_wait_is_not_shorter_than_the_shortest() -> None:
    with pytest.raises(ValidationError, match="retry_min_s: has to be at most retry_max_s"):
        InferenceSettings(retry_min_s=9, retry_max_s=8)


# ---- the whole pipeline, on the real OpenVINO ---------------------------------------------------

FRAMES, LOST_AT, BACK_BY = 70, 20, 50


def watched(models_dir: Path, sample: Path, at_frame: Callable[[int], None]) -> list[VisionRecord]:
    """Records of the first frames of a clip."""
    inference = InferenceSettings(device="MYRIAD", retry_min_s=0.05)
    pipeline = Pipeline(VisionSettings(models_dir=models_dir, inference=inference), "clip")
    records = []
    for index, image in enumerate(frames_of(sample, FRAMES)):
        at_frame(index)
        records.append(pipeline.process(image, index / 25))
    return records


def told(records: list[VisionRecord]) -> list[list[tuple[object, ...]]]:
    """Everything that is said of everybody, but for their random names."""
    return [
        [tuple(value for name, value in vars(one).items() if name != "id") for one in seen.viewers]
        for seen in records
    ]


# Among the first looks of a frame and among those at a face, which overlap.
@pytest.mark.parametrize("good", [0, 3])
def test_a_clip_with_a_loss_and_a_return_counts_as_one_without(
    models_dir: Path,
    sample: Path,
    monkeypatch: pytest.MonkeyPatch,
    undisturbed: list[VisionRecord],
    good: int,
) -> None:
    stick = Stick()
    monkeypatch.setattr(engine, "openvino_core", lambda: stick)

    def cue(index: int) -> None:
        if index == LOST_AT:
            stick.cues.good = good
        if index == LOST_AT + 5:
            stick.cues.good = None
        if index == BACK_BY:
            for thread in threading.enumerate():
                if thread.name == "comeback":
                    thread.join(60)

    records = watched(models_dir, sample, cue)
    used = [record.accelerator for record in records]
    assert used[:LOST_AT] == ["MYRIAD"] * LOST_AT
    assert used[LOST_AT + 4] == "CPU"
    assert used[BACK_BY:] == ["MYRIAD"] * (FRAMES - BACK_BY)
    assert told(records) == told(undisturbed)
    assert len({one.id for record in records for one in record.viewers}) == 1


@pytest.fixture(scope="module")
def undisturbed(models_dir: Path, sample: Path) -> list[VisionRecord]:
    with pytest.MonkeyPatch.context() as patch:
        stick = Stick()
        patch.setattr(engine, "openvino_core", lambda: stick)
        records = watched(models_dir, sample, lambda _: None)
    assert {record.accelerator for record in records} == {"MYRIAD"}
    return records


LEAVES = """
import sys, time
from pathlib import Path
from kiosk.config import InferenceSettings
from kiosk.vision import engine
from kiosk.vision.runtime import Runtime
from kiosk.vision.cards import load_bundle
from tests.vision.sticks import Stick
stick = Stick()
engine.openvino_core = lambda: stick
models = Path(sys.argv[1])
settings = InferenceSettings(device="MYRIAD")
runtime = Runtime(settings, models)
cards = load_bundle(models, "default").heads
kept = runtime.on_first_device(lambda loaded: [loaded.network(one) for one in cards])
runtime.between_frames()
time.sleep(0.05)
"""


def test_a_process_ends_well_while_a_processor_is_being_loaded(models_dir: Path) -> None:
    # A thread that comes back from native code when the interpreter is gone aborts the process.
    command = [sys.executable, "-c", LEAVES, str(models_dir)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
