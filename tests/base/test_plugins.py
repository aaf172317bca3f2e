import importlib
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugins import absolute_plugin, load_plugins


def test_a_file_is_run_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    plugin = tmp_path / "mine.py"
    plugin.write_text(f"open({str(log)!r}, 'a').write('x')\n")
    load_plugins([str(plugin), str(plugin)])
    load_plugins([str(tmp_path / "." / "mine.py")])
    assert log.read_text() == "x"


def test_a_file_that_fails_is_run_again_when_it_is_mended(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("raise KeyError('in the plugin')\n")
    with pytest.raises(KeyError, match="in the plugin"):
        load_plugins([str(plugin)])
    plugin.write_text(f"open({str(tmp_path / 'log')!r}, 'w')\n# mended\n")
    load_plugins([str(plugin)])
    assert (tmp_path / "log").exists()


def test_a_module_is_imported_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_module_of_plugins.py").write_text(f"open({str(tmp_path / 'log')!r}, 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    load_plugins(["my_module_of_plugins"])
    assert (tmp_path / "log").exists()


def test_a_file_that_the_program_imported_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    (tmp_path / "my_imported_plugin.py").write_text(f"open({str(log)!r}, 'a').write('x')\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("my_imported_plugin")
    load_plugins([str(tmp_path / "my_imported_plugin.py")])
    assert log.read_text() == "x"


def test_a_single_string_is_refused() -> None:
    with pytest.raises(InputError, match=r"to be a list of files or modules\. Received: 'mine\.py'"):
        load_plugins("mine.py")
    with pytest.raises(InputError, match=r"to be a file or module\. Received: ''"):
        load_plugins([""])


def test_what_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"Expected a plugin at gone\.py\. Received: no such file"):
        load_plugins(["gone.py"])
    with pytest.raises(InputError, match=r"Expected the plugin 'gone.module' to be a module"):
        load_plugins(["gone.module"])
    (tmp_path / "my_plugin_that_lacks.py").write_text("import what_it_lacks\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="what_it_lacks"):  # the plugin's fault, with its traceback
        load_plugins(["my_plugin_that_lacks"])


def test_a_file_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_plugin("mine.py") == str(tmp_path / "mine.py")
    assert absolute_plugin("my.module") == "my.module"
