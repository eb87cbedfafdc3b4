"""What settings say, and what they must not say."""

from __future__ import annotations

import pytest

from pkm_build.errors import InvalidFile, PkmError
from pkm_env.config import LIMITS, BadSetting, Settings, Switches, limit_variable, read_user_config

HOME = {"HOME": "/home/someone", "USERPROFILE": "/home/someone"}


def settings(tmp_path, text="", **environ):
    path = tmp_path / "config.toml"
    path.write_text(text)
    return Settings({**HOME, **environ}, Switches(), read_user_config(str(path), {}))


def test_without_a_word_no_limit_is_set(tmp_path):
    assert settings(tmp_path).limits == {}


@pytest.mark.parametrize(
    ("value", "number"), [("500000", 500_000), ('"2 GB"', 2 << 30), ('"10kb"', 10 << 10), ('"7"', 7)]
)
def test_a_size_is_a_number_of_bytes_or_has_a_unit(tmp_path, value, number):
    assert settings(tmp_path, f"[limits]\nwheel-size = {value}\n").limits == {"wheel-size": number}


def test_each_limit_has_a_variable_that_counts_before_the_file(tmp_path):
    variables = {limit_variable(name): "12" for name in LIMITS}
    found = settings(tmp_path, "[limits]\nbuilds = 3\n", **variables).limits
    assert found == dict.fromkeys(LIMITS, 12)


@pytest.mark.parametrize("value", ["0", "-1", '"many"', "true", "1.5", '"2 PB"', '""', "[1]", '"²"'])
def test_a_value_that_is_no_positive_whole_number_is_refused(tmp_path, value):
    with pytest.raises(BadSetting, match=r"limits\.wheel-size of the user's configuration"):
        settings(tmp_path, f"[limits]\nwheel-size = {value}\n")


def test_a_unit_of_bytes_fits_no_other_limit(tmp_path):
    with pytest.raises(BadSetting, match="PKM_LIMIT_BUILD_TIME"):
        settings(tmp_path, PKM_LIMIT_BUILD_TIME="2 KB")


def test_a_limit_that_pkm_does_not_know_is_refused(tmp_path):
    with pytest.raises(BadSetting, match="PKM_LIMIT_WHEEL_FILES"):
        settings(tmp_path, PKM_LIMIT_WHEELS="3")
    with pytest.raises(InvalidFile, match="wheel-files"):
        settings(tmp_path, "[limits]\nwheel-file = 3\n")


def test_limits_that_are_no_table_are_refused(tmp_path):
    with pytest.raises(InvalidFile):
        settings(tmp_path, "limits = 3\n")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("cache-dir = 3", "cache-dir"),
        ('offline = "yes"', "offline"),
        ("link-mode = 'move'", "link-mode"),
        ("http-timeout = 0", "http-timeout"),
        ("http-timeout = inf", "http-timeout"),
        ("python = 3.13", "python"),
        ("[[index]]\nname = 'x'", 'index[0]: "url" is missing'),
        ("[[index]]\nname = 'x'\nurl = 'http://'", "index[0].url"),
        ("[[index]]\nname = 'x y'\nurl = 'wheels'", "index[0].name"),
    ],
)
def test_a_fault_of_the_configuration_is_told_with_its_place(tmp_path, text, key):
    with pytest.raises(InvalidFile) as caught:
        settings(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'config.toml'}:")
    assert key in str(caught.value)


def test_a_configuration_that_is_no_text_is_told(tmp_path):
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PkmError, match=r"config\.toml is no UTF-8 text"):
        read_user_config(str(tmp_path / "config.toml"), {})


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_limit_is_a_positive_number(tmp_path, timeout):
    with pytest.raises(BadSetting, match="PKM_HTTP_TIMEOUT"):
        settings(tmp_path, PKM_HTTP_TIMEOUT=timeout)


def test_a_configuration_that_a_variable_names_has_to_be_there(tmp_path):
    path = str(tmp_path / "config.toml")
    assert read_user_config(path, {}).data == {}
    with pytest.raises(BadSetting, match="which is not a file that is there"):
        read_user_config(path, {"PKM_CONFIG_FILE": path})
