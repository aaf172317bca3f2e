"""The site that Sphinx makes of the documents; `make docs` builds that of all, here are small ones."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ofa_tf
from tests.support.repository import ROOT

_INDEX = """# Index

```{toctree}
page
../README
```
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two pages and with the settings of this one's site."""
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(ROOT / "docs" / "conf.py", docs)
    for folder in ("extensions", "site"):
        shutil.copytree(ROOT / "docs" / folder, docs / folder)
    (docs / "index.md").write_text(_INDEX)
    (tmp_path / "README.md").write_text("# Read me\n\n## Two words\n")
    (tmp_path / "flags").mkdir()
    (tmp_path / "flags" / "small.cfg").write_text("--small\n")
    return tmp_path


def _build(repository: Path, page: str) -> subprocess.CompletedProcess:
    (repository / "docs" / "page.md").write_text(f"# Page\n\n{page}\n")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-c", "docs", ".", "site"]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
def test_links_of_a_clone_are_links_of_the_site(repository: Path) -> None:
    links = "[a](../README.md#two-words) [b](index.md) [c](../flags/small.cfg) [d](../flags/) [e](#page)"
    result = _build(repository, links)
    assert (result.returncode, result.stderr) == (0, "")
    page = (repository / "site" / "docs" / "page.html").read_text()
    assert 'href="../README.html#two-words"' in page
    assert 'href="index.html"' in page
    assert 'href="#page"' in page
    (downloaded,) = (repository / "site" / "_downloads").rglob("small.cfg")
    assert downloaded.read_text() == "--small\n"
    assert "url=docs/index.html" in (repository / "site" / "index.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("[a](../none.md)", "cross-reference target not found: '../none.md'"),
        ("[a](../README.md#three-words)", "three-words"),
        ("![a](none.svg)", "image file not readable"),
    ],
)
def test_a_broken_link_fails_the_build(repository: Path, page: str, fault: str) -> None:
    result = _build(repository, page)
    assert result.returncode == 1
    assert fault in result.stderr


@pytest.mark.slow
def test_a_page_that_no_table_of_contents_names_fails_the_build(repository: Path) -> None:
    (repository / "docs" / "forgotten.md").write_text("# Forgotten\n")
    result = _build(repository, "")
    assert result.returncode == 1
    assert "forgotten.md: WARNING: document isn't included in any toctree" in result.stderr


@pytest.mark.slow
def test_the_reference_has_every_public_name_once() -> None:
    path = ROOT / "docs" / "extensions" / "generated_parts.py"
    spec = importlib.util.spec_from_file_location("generated_parts", path)
    assert spec is not None
    assert spec.loader is not None
    extension = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(extension)

    names = extension.public_names((ROOT / "ofa_tf" / "__init__.pyi").read_text())
    assert sorted(names) == sorted(ofa_tf.__all__)
    lines = list(extension.reference(names))
    documented = [line.split("ofa_tf.")[1] for line in lines if line.startswith(".. auto")]
    assert sorted(documented) == sorted(ofa_tf.__all__)
    assert "## space" in lines
    assert ".. autofunction:: ofa_tf.open_run" in lines
    # The methods of Run stand in the classes that it is built on; those of Keras's model are Keras's.
    assert lines[lines.index(".. autoclass:: ofa_tf.Run") + 2] == "   :inherited-members:"
    assert lines[lines.index(".. autoclass:: ofa_tf.Supernet") + 2] == ""
