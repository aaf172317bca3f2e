import xml.etree.ElementTree
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from tests.support.repository import ROOT
from tools.draw_imports import (
    count_levels,
    draw,
    drop_transitive,
    find_cycles,
    find_programs,
    imports_between_folders,
    read_imports,
    read_program_imports,
    sub_folders,
)

_MODULES = {
    "__init__.py": "",
    "base/__init__.py": "NAME = 1",
    "base/errors.py": "",
    "space/arch.py": "from ofa.base import NAME, errors",
    "networks/layers/conv.py": "import ofa.base.errors as errors\nimport os",
    "networks/blocks/mbconv.py": "from ..layers import conv\nfrom ...space.arch import Arch",
    "networks/supernet.py": "from .blocks.mbconv import MBConv\nfrom . import calibration",
    "networks/calibration.py": "def f():\n    from ofa.networks.supernet import Supernet",
    "workflow/run.py": "if TYPE_CHECKING:\n    from ofa.networks import supernet\nfrom ofa.space import arch",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, code in _MODULES.items():
        path = tmp_path / "ofa" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    return tmp_path / "ofa"


def test_imports_are_found_wherever_and_however_they_are_written(package: Path) -> None:
    imports = read_imports(package)
    assert imports["ofa.space.arch"] == {"ofa.base", "ofa.base.errors"}  # a name of the package, and a module
    assert imports["ofa.networks.layers.conv"] == {"ofa.base.errors"}
    assert imports["ofa.networks.blocks.mbconv"] == {"ofa.networks.layers.conv", "ofa.space.arch"}
    assert imports["ofa.networks.calibration"] == {"ofa.networks.supernet"}
    assert imports["ofa.workflow.run"] == {"ofa.networks.supernet", "ofa.space.arch"}


def test_cycles_through_functions_are_found(package: Path) -> None:
    imports = read_imports(package)
    assert find_cycles(imports) == [["ofa.networks.calibration", "ofa.networks.supernet"]]
    imports["ofa.networks.calibration"].clear()
    assert find_cycles(imports) == []


def test_levels_are_those_of_the_longest_chain(package: Path) -> None:
    # errors < arch < mbconv < supernet (with calibration, a cycle) < run
    assert count_levels(read_imports(package)) == 5
    assert count_levels({"a": set(), "b": {"a"}, "c": {"a", "b"}, "d": {"a"}}) == 3


def test_imports_that_follow_from_others_are_dropped(package: Path) -> None:
    between = imports_between_folders(read_imports(package))
    assert between["workflow"] == {"networks", "space"}
    assert drop_transitive(between) == {
        "workflow": {"networks"},
        "networks": {"space"},
        "space": {"base"},
        "base": set(),
    }


def test_folders_inside_come_in_the_order_of_their_imports(package: Path) -> None:
    assert sub_folders(read_imports(package), "networks") == ["layers", "blocks"]


def test_the_picture_shows_every_folder(package: Path) -> None:
    picture = draw(read_imports(package), ["ofa.workflow.run"])
    texts = [element.text for element in xml.etree.ElementTree.fromstring(picture).iter() if element.text]
    assert {"base/", "space/", "networks/", "workflow/", "layers/ blocks/"} <= set(texts)
    assert "search/" not in texts
    num_arrows = picture.count('fill="none"')
    assert num_arrows == 4  # programs > workflow > networks > space > base


def test_imports_that_go_up_and_unknown_folders_are_refused(package: Path) -> None:
    (package / "base" / "errors.py").write_text("from ofa.space import arch")
    with pytest.raises(InputError, match="Received: base imports space"):
        draw(read_imports(package), [])
    (package / "space" / "arch.py").write_text("")
    (package / "extra").mkdir()
    (package / "extra" / "a.py").write_text("")
    with pytest.raises(InputError, match="Received: extra"):
        draw(read_imports(package), [])


def test_the_picture_in_the_documents_is_that_of_the_code() -> None:
    imports = read_imports(ROOT / "ofa_tf")
    programs = find_programs(ROOT)
    picture = draw(imports, read_program_imports(programs, imports))
    written = (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    assert written == picture, "the imports have changed: run python tools/draw_imports.py"
