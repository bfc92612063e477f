"""The configuration: what is accepted, and the sentence for what is not."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.config import Settings, WindowSettings, load_settings, write_settings
from kiosk.errors import ConfigError

ROOT = Path(__file__).parents[2]


def fault(folder, text, *overrides) -> str:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(path, overrides)
    return str(caught.value).replace(str(path), "config.yaml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "vision:\n  looop: true\n",
            'config.yaml:2: vision.looop: unknown key; did you mean "loop"?',
        ),
        ("\nvisoin: {}\n", 'config.yaml:2: visoin: unknown key; did you mean "vision"?'),
        ("colour: red\n", "config.yaml:1: colour: unknown key; remove it"),
        (
            "player:\n  notice:\n    txet: hi\n",
            'config.yaml:3: player.notice.txet: unknown key; did you mean "text"?',
        ),
        (
            "player:\n  port: many\n",
            "config.yaml:2: player.port: input should be a valid integer, unable to parse string as"
            " an integer (found 'many')",
        ),
        (
            "player:\n\n  host: 0.0.0.0\n",
            "config.yaml:3: player.host: '0.0.0.0' is not one of '127.0.0.1', '::1' or 'localhost'",
        ),
        (
            "device:\n  site: a b\n",
            "config.yaml:2: device.site: string should match pattern '^[A-Za-z0-9_-]{1,64}$'"
            " (found 'a b')",
        ),
        (
            "log:\n  level: info\nlog:\n  level: debug\n",
            "config.yaml:3: log: given twice (first on line 1); remove one",
        ),
        (
            "log:\n  level: info\n  level: debug\n",
            "config.yaml:3: log.level: given twice (first on line 2); remove one",
        ),
        (
            "log: [",
            "config.yaml:1: not valid YAML: expected the node content, but found '<stream end>'",
        ),
        (
            "log:\n\tlevel: info",
            "config.yaml:2: not valid YAML: found character '\\t' that cannot start any token",
        ),
        ("- a\n- b\n", "config.yaml:1: a mapping of keys is expected at the top"),
        ("hello", "config.yaml:1: a mapping of keys is expected at the top"),
        (
            "log: loud\n",
            "config.yaml:1: log: input should be a valid dictionary or instance of LogSettings"
            " (found 'loud')",
        ),
        (
            "broker:\n  backoff_min_s: 9\n  backoff_max_s: 2\n",
            "config.yaml:1: broker: backoff_min_s is longer than backoff_max_s",
        ),
        ("device:\n  name: 2026-13-45\n", "config.yaml: not valid YAML: month must be in 1..12"),
        ("? [a, b]\n: 1\n", "config.yaml:1: a key has to be a plain word"),
        ("a: &a [*a]\n", "config.yaml:1: nested too deeply or too large"),
        ("[" * 800, "config.yaml: nested too deeply"),
        ("a(b: 1\n", "config.yaml:1: a(b: unknown key; remove it"),
        (
            "audience:\n  stale_s: .inf\n",
            "config.yaml:2: audience.stale_s: input should be a finite number",
        ),
        (
            "state:\n  path: ~nobody-of-that-name/x\n",
            "config.yaml:2: state.path: there is no such home",
        ),
    ],
)
def test_each_fault_is_one_sentence_with_file_line_and_key(tmp_path, text, sentence):
    said = fault(tmp_path, text)
    assert said.startswith(sentence)
    assert "\n" not in said


def test_every_fault_is_told_at_once_each_on_a_line(tmp_path):
    said = fault(tmp_path, "player:\n  port: -1\n  hots: x\nvision:\n  loop: 7\n").splitlines()
    assert [line.split(": ")[:2] for line in said] == [
        ["config.yaml:5", "vision.loop"],
        ["config.yaml:2", "player.port"],
        ["config.yaml:3", "player.hots"],
    ]


def test_a_file_of_aliases_of_aliases_is_refused_before_it_fills_the_memory(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "too large" in fault(tmp_path, "\n".join(lines))


def test_a_file_that_is_absent_or_no_text_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.yaml: there is no such file$"):
        load_settings(tmp_path / "gone.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.yaml: cannot be read: "):
        load_settings(tmp_path / "binary.yaml")
    with pytest.raises(ConfigError, match=r"cannot be read: "):
        load_settings(tmp_path)


def test_without_a_name_the_file_here_is_read_and_none_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kiosk.config.SEARCHED", (Path("config.yaml"), tmp_path / "etc.yaml"))
    with pytest.raises(ConfigError, match="there is no configuration") as caught:
        load_settings()
    assert caught.value.hint
    (tmp_path / "etc.yaml").write_text("device: {name: installed}")
    assert load_settings().device.name == "installed"
    Path("config.yaml").write_text("device: {name: here}")
    assert load_settings().device.name == "here"


@pytest.mark.skipif(os.geteuid() != 0, reason="a folder is closed to another account")
def test_a_folder_that_may_not_be_looked_into_has_no_configuration(tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr("kiosk.config.SEARCHED", (Path("config.yaml"), tmp_path / "etc.yaml"))
    monkeypatch.chdir(closed)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match="there is no configuration: neither"):
            load_settings()
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "vision:\nbroker:\n  tls:\n"])
def test_what_is_not_written_has_its_default(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / "empty.yaml").write_text("")
    found = load_settings(tmp_path / "config.yaml")
    assert found == load_settings(tmp_path / "empty.yaml")
    assert found.player == Settings().player


def test_the_annotated_file_says_what_holds_without_it(tmp_path):
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    (tmp_path / "empty.yaml").write_text("")
    assert load_settings(tmp_path / "config.yaml") == load_settings(tmp_path / "empty.yaml")


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path, monkeypatch):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "config.yaml").write_text(
        "state:\n  path: data/state.db\nbroker:\n  tls:\n    ca_file: /etc/ca.crt\n"
        "    cert_file: dev.crt\n    key_file: ~/dev.key\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/shop")
    found = load_settings(Path("shop/config.yaml"))
    assert found.state.path == folder / "data/state.db"
    assert found.broker.tls.ca_file == Path("/etc/ca.crt")
    assert found.broker.tls.cert_file == folder / "dev.crt"
    assert found.broker.tls.key_file == Path("/home/shop/dev.key")
    assert found.audience.socket == folder / "run/audience.sock", "a section that is not written"


def test_an_override_wins_over_the_file_and_reads_its_value_as_yaml(tmp_path):
    (tmp_path / "c.yaml").write_text("vision:\n  loop: false\nplayer:\n")
    found = load_settings(
        tmp_path / "c.yaml",
        [
            "vision.loop=true",
            "player.notice.text=a camera=b",
            "vision.inference.fallback=[GPU, CPU]",
        ],
    )
    assert found.vision.loop is True
    assert found.player.notice.text == "a camera=b"
    assert found.vision.inference.fallback == ["GPU", "CPU"]


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("vision.loop", "--set vision.loop: expected section.key=value"),
        ("loop=true", "--set loop=true: expected section.key=value"),
        ("", "--set : expected section.key=value"),
        ("vision.lop=1", '--set vision.lop=1: vision.lop: unknown key; did you mean "loop"?'),
        ("visio.loop=1", '--set visio.loop=1: visio: unknown key; did you mean "vision"?'),
        ("vision.loop.x=1", "--set vision.loop.x=1: vision.loop.x: unknown key"),
        (
            "vision.camera=1",
            "--set vision.camera=1: vision.camera is a section; name one of its keys",
        ),
        ("log.level=[", "--set log.level=[: '[' is not a YAML value"),
        (
            "device.name=2026-13-45",
            "--set device.name=2026-13-45: '2026-13-45' is not a YAML value",
        ),
        ("player.port=x", "--set player.port=x: player.port: input should be a valid integer"),
        ("log.level=loud", "--set log.level=loud: log.level: 'loud' is not one of"),
    ],
)
def test_an_override_that_does_not_fit_blames_itself_and_not_a_line(tmp_path, override, sentence):
    said = fault(tmp_path, "player:\n  port: 1\n", override)
    assert said.startswith(sentence)
    assert "\n" not in said


@pytest.mark.parametrize("text", ["- a\n", "vision: 3\n", "hello"])
def test_an_override_of_a_file_of_another_shape_is_a_sentence(tmp_path, text):
    assert re.match(r"config\.yaml:1: ", fault(tmp_path, text, "vision.camera.fps=3"))


changes = st.fixed_dictionaries(
    {},
    optional={
        "device.name": st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
        "player.port": st.integers(0, 65535),
        "player.notice.text": st.text(
            st.characters(exclude_categories=["Cs", "Cc"]), max_size=290
        ).map("A camera {}".format),
        "audience.stale_s": st.floats(0.001, 1e9),
        "ads.match_share": st.floats(0, 1),
        "privacy.mood_table": st.none() | st.booleans(),
        "player.notice.languages": st.lists(
            st.sampled_from(["en", "de", "pl"]), min_size=1, unique=True
        ),
        "vision.off_hours": st.lists(
            st.fixed_dictionaries({"begin": st.just("22:00"), "end": st.just("24:00")}), max_size=1
        ),
        "vision.inference.fallback": st.lists(st.sampled_from(["CPU", "GPU", "NPU"])),
        "broker.username": st.none() | st.text(st.characters(codec="ascii", categories=["L", "N"])),
        "state.path": st.just("/var/lib/kiosk/state.db"),
    },
)


TYPED = {
    "state.path": Path,
    "vision.off_hours": lambda windows: [WindowSettings(**window) for window in windows],
}


@given(changes)
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read_back_the_same(tmp_path_factory, wanted):
    folder = tmp_path_factory.mktemp("config")
    data: dict = {}
    for key, value in wanted.items():
        *sections, name = key.split(".")
        place = data
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    wished = Settings.model_validate(data, context={"folder": folder})
    write_settings(wished, folder / "c.yaml")
    again = load_settings(folder / "c.yaml")
    write_settings(again, folder / "d.yaml")
    assert load_settings(folder / "d.yaml") == again
    for key, value in wanted.items():
        found = again
        for part in key.split("."):
            found = getattr(found, part)
        assert found == TYPED.get(key, lambda value: value)(value)
