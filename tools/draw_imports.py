"""Draws which folders of ofa_tf import which: the picture of docs/architecture.md, made from the code.

Imports that only type checkers see and those inside functions count, too. An arrow that follows from
others is left out: who imports latency, which imports devices, gets no arrow to devices.

Example:
    python tools/draw_imports.py            # writes docs/architecture.svg
    python tools/draw_imports.py --check    # fails if the picture is not the code's
    python tools/draw_imports.py --summary  # numbers of modules, imports, levels and cycles
"""

import ast
import dataclasses
import html
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line, files
from ofa_tf.base.errors import InputError

_PACKAGE = flags.DEFINE_string("package", "ofa_tf", "Folder of the package.")
_OUTPUT = flags.DEFINE_string("output", "docs/architecture.svg", "The picture.")
_CHECK = flags.DEFINE_boolean("check", False, "Compare the picture with the code instead of writing it.")
_SUMMARY = flags.DEFINE_boolean("summary", False, "Print numbers instead of drawing.")

Imports = dict[str, set[str]]  # of modules or folders, each with those it imports

_PROGRAMS = "programs"  # train_main.py and tools/, which stand outside of the package


# --- reading -----------------------------------------------------------------


def read_imports(package: Path) -> Imports:
    """What each module of a package imports of the same package.

    A name that is imported from a package counts as the module of that name, if
    there is one, and else as the package. That `import a.b` runs `a/__init__.py`
    as well does not count.

    Args:
        package: Its folder.

    Returns:
        Dotted names of modules, all of them as keys.
    """
    modules = {}
    for path in sorted(package.rglob("*.py")):
        modules[_module_name(path, package.parent)] = path

    imports = {}
    for name, path in modules.items():
        imports[name] = _imported(path, name, set(modules))
    return imports


def find_programs(root: Path) -> list[Path]:
    """The programs beside a package, in the folder `root`."""
    return [root / "train_main.py", *sorted((root / "tools").glob("*.py"))]


def read_program_imports(programs: Iterable[Path], package: Imports) -> set[str]:
    """The modules of a package that some programs import."""
    imported: set[str] = set()
    for path in programs:
        imported |= _imported(path, path.stem, set(package))
    return imported


def _module_name(path: Path, parent: Path) -> str:
    parts = list(path.relative_to(parent).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def _imported(path: Path, name: str, known: set[str]) -> set[str]:
    """Those of the known modules that a file imports, wherever in the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = _absolute_source(node, path, name)
            for alias in node.names:
                module = f"{source}.{alias.name}"
                imported.add(module if module in known else source)
    imported.discard(name)
    return imported & known


def _absolute_source(node: ast.ImportFrom, path: Path, name: str) -> str:
    """What stands behind `from`, with the dots of relative imports resolved."""
    parts = [] if node.module is None else [node.module]
    if node.level > 0:
        package = name.split(".")
        if path.name != "__init__.py":
            package.pop()
        num_kept = len(package) - (node.level - 1)
        parts = package[:num_kept] + parts
    return ".".join(parts)


# --- what follows from imports -----------------------------------------------


def reachable(imports: Imports) -> Imports:
    """All that each module imports, directly or through others."""
    found = {}
    for start in imports:
        seen: set[str] = set()
        waiting = list(imports[start])
        while waiting:
            module = waiting.pop()
            if module not in seen:
                seen.add(module)
                waiting += imports[module]
        found[start] = seen
    return found


def find_cycles(imports: Imports) -> list[list[str]]:
    """Groups of modules each of which imports all others of the group through others; sorted."""
    reached = reachable(imports)
    groups = set()
    for module, others in reached.items():
        if module in others:
            group = [other for other in others if module in reached[other]]
            groups.add(tuple(sorted(group)))
    return [list(group) for group in sorted(groups)]


def count_levels(imports: Imports) -> int:
    """Length of the longest chain of imports, in modules; those of a cycle count as one."""
    reached = reachable(imports)
    groups = {module: {module} for module in imports}
    for cycle in find_cycles(imports):
        for module in cycle:
            groups[module] = set(cycle)

    # Who imports more, directly or not, stands above: what a module imports has its level by then.
    num_reached = {module: len(reached[module] | {module}) for module in imports}
    levels: dict[str, int] = {}
    for module in sorted(imports, key=num_reached.__getitem__):
        below: set[str] = set()
        for member in groups[module]:
            below |= imports[member]
        below -= groups[module]
        levels_below = [levels[other] for other in below]
        levels[module] = 1 + max(levels_below, default=0)
    return max(levels.values(), default=0)


def drop_transitive(imports: Imports) -> Imports:
    """Without the imports that follow from others. Expects no cycles."""
    reached = reachable(imports)
    kept = {}
    for module, others in imports.items():
        indirect: set[str] = set()
        for other in others:
            indirect |= reached[other]
        kept[module] = others - indirect
    return kept


def imports_between_folders(imports: Imports) -> Imports:
    """What each folder at the top of a package imports from the others."""
    between: Imports = {}
    for module, others in imports.items():
        folder = _folder(module)
        if folder is not None:
            targets = between.setdefault(folder, set())
            targets |= _folders(others) - {folder}
    return between


def sub_folders(imports: Imports, folder: str) -> list[str]:
    """The folders within one at the top, those that import others behind those."""
    inside: Imports = {}
    for module, others in imports.items():
        name = _sub_folder(module, folder)
        if name is None:
            continue
        targets = inside.setdefault(name, set())
        for other in others:
            target = _sub_folder(other, folder)
            if target is not None and target != name:
                targets.add(target)

    reached = reachable(inside)
    by_name = sorted(inside)
    return sorted(by_name, key=lambda name: len(reached[name]))


def _folders(modules: Iterable[str]) -> set[str]:
    folders = {_folder(module) for module in modules}
    return {folder for folder in folders if folder is not None}


def _folder(module: str) -> str | None:
    """The folder at the top of the package that a module lies in; `None` for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def _sub_folder(module: str, folder: str) -> str | None:
    """The folder within `folder` that a module lies in; `None` if it does not."""
    parts = module.split(".")
    if len(parts) < 4 or parts[1] != folder:
        return None
    return parts[2]


# --- what the picture shows ----------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Theme:
    """Colors of what belongs together."""

    line: str  # of a box, and of the arrows that leave it
    fill: str


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a folder stands in the picture, and what is said of it.

    Args:
        row: From the top; imports go down.
        column: The first one that it covers.
        theme: Its colors.
        caption: Lines below its name, of at most 26 characters a column.
        num_columns: How many it covers.
    """

    row: int
    column: int
    theme: Theme
    caption: tuple[str, ...]
    num_columns: int = 1


_GENERAL = Theme(line="#475569", fill="#f1f5f9")
_RUN = Theme(line="#7c3aed", fill="#f5f3ff")
_NETWORK = Theme(line="#1d4ed8", fill="#eff6ff")
_TRAINING = Theme(line="#047857", fill="#ecfdf5")
_DEVICE = Theme(line="#c2410c", fill="#fff7ed")

_PROGRAMS_CAPTION = "flags in, one call, a report out"
_RUN_CAPTION = "the folder of a run, and the steps after training: measure, search, export"
_SPACE_CAPTION = "archs, genes, search spaces, parts, MACs: plain data, NumPy only"
_BASE_CAPTION = "errors, files, progress, registry, TensorFlow's settings"

# What trains networks stands left, what brings them to devices right.
PLACES = {
    _PROGRAMS: Place(0, 0, _GENERAL, (_PROGRAMS_CAPTION,), num_columns=5),
    "studies": Place(1, 1, _RUN, ("comparisons that take hours: ways to train, ways to search",), num_columns=4),
    "workflow": Place(2, 1, _RUN, (_RUN_CAPTION,), num_columns=4),
    "pretrained": Place(3, 0, _TRAINING, ("published PyTorch", "weights and networks")),
    "training": Place(3, 1, _TRAINING, ("phases, train step,", "checkpoints, evaluation")),
    "search": Place(4, 2, _RUN, ("accuracy predictor,", "constraints, evolution")),
    "latency": Place(3, 3, _DEVICE, ("what each subnet costs", "on a device")),
    "report": Place(3, 4, _RUN, ("tables and plots",)),
    "data": Place(4, 0, _TRAINING, ("images of data sets,", "augmented, in batches")),
    "networks": Place(4, 1, _NETWORK, ("elastic layers, supernet,", "subnets, calibration")),
    "devices": Place(4, 3, _DEVICE, ("run a .tflite file here", "or on a phone")),
    "tflite": Place(5, 3, _DEVICE, ("a Keras subnet becomes", "a file that passed the gate")),
    "space": Place(6, 1, _NETWORK, (_SPACE_CAPTION,), num_columns=3),
    "base": Place(7, 0, _GENERAL, (_BASE_CAPTION,), num_columns=5),
}


def draw(imports: Imports, program_imports: Iterable[str]) -> str:
    """The picture of a package, as SVG.

    Args:
        imports: Imports of its modules.
        program_imports: Its modules that programs import.

    Raises:
        InputError: If a folder has no place in the picture, or imports one that
            does not stand below it.
    """
    between = imports_between_folders(imports)
    between[_PROGRAMS] = _folders(program_imports)
    _check_places(between)

    arrows = []
    for source, targets in sorted(drop_transitive(between).items()):
        arrows += [Arrow(source, target) for target in sorted(targets)]

    boxes = _arrange(between, imports)
    shapes = []
    for arrow, points in _route(arrows, boxes):
        color = PLACES[arrow.source].theme.line
        shapes.append(_draw_arrow(points, color))
    for box in boxes.values():
        shapes.append(_draw_box(box))
    return _page(shapes, list(boxes.values()))


def _check_places(between: Imports) -> None:
    for folder in sorted(between):
        if folder not in PLACES:
            raise InputError(
                f"Expected each folder of the package to have a place in the picture. Received: {folder}. "
                "Add it to PLACES in tools/draw_imports.py."
            )
    for folder, targets in sorted(between.items()):
        for target in sorted(targets):
            if PLACES[target].row <= PLACES[folder].row:
                raise InputError(
                    f"Expected imports to go down in the picture. Received: {folder} imports {target}. "
                    "Take the import away, or change their rows in PLACES in tools/draw_imports.py."
                )


# --- where boxes stand, in pixels ----------------------------------------------

_COLUMN_WIDTH = 214
_COLUMN_GAP = 30
_ROW_GAP = 60
_MARGIN = 30
_PADDING = 14  # between the edge of a box and its text
_PORT_MARGIN = 28  # between the end of a wide box and its outermost arrow
_NAME_HEIGHT = 24
_LINE_HEIGHT = 19
_CHARACTERS_A_COLUMN = 26


@dataclasses.dataclass(frozen=True)
class Box:
    """A folder in the picture."""

    name: str
    place: Place
    folders: tuple[str, ...]  # lines that name the folders in it
    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def center(self) -> float:
        return self.left + self.width / 2

    @property
    def is_wide(self) -> bool:
        return self.place.num_columns > 1

    def nearest_port(self, x: float) -> float:
        """The place for an arrow at this box that is nearest to `x`."""
        leftmost = self.left + _PORT_MARGIN
        rightmost = self.right - _PORT_MARGIN
        return min(max(x, leftmost), rightmost)


def _arrange(folders: Iterable[str], imports: Imports) -> dict[str, Box]:
    """Boxes of folders, by their names, in the order of `PLACES`."""
    names = [name for name in PLACES if name in folders]

    lines = {}
    heights: dict[int, float] = {}  # of rows: each as high as its highest box
    for name in names:
        place = PLACES[name]
        lines[name] = _wrap(sub_folders(imports, name), place.num_columns)
        num_lines = len(place.caption) + len(lines[name])
        height = 2 * _PADDING + _NAME_HEIGHT + num_lines * _LINE_HEIGHT
        heights[place.row] = max(height, heights.get(place.row, 0))

    tops = {}
    top = float(_MARGIN)
    for row in sorted(heights):
        tops[row] = top
        top += heights[row] + _ROW_GAP

    boxes = {}
    step = _COLUMN_WIDTH + _COLUMN_GAP
    for name in names:
        place = PLACES[name]
        boxes[name] = Box(
            name=name,
            place=place,
            folders=tuple(lines[name]),
            left=_MARGIN + place.column * step,
            top=tops[place.row],
            width=place.num_columns * step - _COLUMN_GAP,
            height=heights[place.row],
        )
    return boxes


def _wrap(names: Sequence[str], num_columns: int) -> list[str]:
    """Names of folders side by side, in as many lines as they take."""
    max_characters = _CHARACTERS_A_COLUMN * num_columns
    lines: list[str] = []
    for name in names:
        longer = f"{lines[-1]} {name}/" if lines else ""
        if longer and len(longer) <= max_characters:
            lines[-1] = longer
        else:
            lines.append(f"{name}/")
    return lines


# --- where arrows run ------------------------------------------------------------


@dataclasses.dataclass(frozen=True, order=True)
class Arrow:
    """An import of a folder by another."""

    source: str
    target: str


@dataclasses.dataclass(frozen=True)
class Point:
    """A place in the picture."""

    x: float
    y: float


Ports = dict[Arrow, float]  # where arrows touch a box, from the left


def _route(arrows: Sequence[Arrow], boxes: Mapping[str, Box]) -> list[tuple[Arrow, list[Point]]]:
    """Each arrow with the points it goes through: its ends, and where it enters and leaves the rows between."""
    starts, ends = _find_ports(arrows, boxes)
    routes = []
    for arrow in arrows:
        source, target = boxes[arrow.source], boxes[arrow.target]
        start = Point(starts[arrow], source.bottom)
        end = Point(ends[arrow], target.top)
        points = [start]
        for row in range(source.place.row + 1, target.place.row):
            obstacles = [box for box in boxes.values() if box.place.row == row]
            if obstacles:
                points += _pass_row(start, end, obstacles)
        points.append(end)
        routes.append((arrow, points))
    return routes


def _find_ports(arrows: Sequence[Arrow], boxes: Mapping[str, Box]) -> tuple[Ports, Ports]:
    """Where arrows leave and where they reach their boxes.

    At boxes of one column they are spread evenly, in the order of their other
    ends. At wide boxes they stand straight above or below the other end.
    """
    starts: Ports = {}
    ends: Ports = {}
    for box in boxes.values():
        targets = {arrow: boxes[arrow.target].center for arrow in arrows if arrow.source == box.name}
        sources = {arrow: boxes[arrow.source].center for arrow in arrows if arrow.target == box.name}
        starts |= _spread(box, targets)
        ends |= _spread(box, sources)

    for arrow in arrows:
        source, target = boxes[arrow.source], boxes[arrow.target]
        if source.is_wide and target.is_wide:
            left = max(source.left, target.left)
            right = min(source.right, target.right)
            starts[arrow] = ends[arrow] = (left + right) / 2
        elif source.is_wide:
            starts[arrow] = source.nearest_port(ends[arrow])
        elif target.is_wide:
            ends[arrow] = target.nearest_port(starts[arrow])
    return starts, ends


def _spread(box: Box, other_ends: Ports) -> Ports:
    """Places along a box, evenly, for arrows in the order of their other ends."""
    gap = box.width / (len(other_ends) + 1)
    in_order = sorted(other_ends, key=lambda arrow: (other_ends[arrow], arrow))
    ports = {}
    for number, arrow in enumerate(in_order, start=1):
        ports[arrow] = box.left + number * gap
    return ports


def _pass_row(start: Point, end: Point, obstacles: Sequence[Box]) -> list[Point]:
    """Where an arrow enters and leaves a row of boxes: as straight as they let it, between or beside them."""
    top, bottom = obstacles[0].top, obstacles[0].bottom
    share = (top - start.y) / (end.y - start.y)
    straight_x = start.x + share * (end.x - start.x)

    distance = _COLUMN_GAP / 2
    is_free = True
    gaps = []
    for box in obstacles:
        gaps += [box.left - distance, box.right + distance]
        if box.left - distance < straight_x < box.right + distance:
            is_free = False

    x = straight_x
    if not is_free:
        x = min(gaps, key=lambda gap: abs(gap - straight_x))
    return [Point(x, top), Point(x, bottom)]


# --- SVG -------------------------------------------------------------------------

_ARROW_LENGTH = 9
_NOTE_HEIGHT = 34
_TEXT_COLOR = "#334155"
_NOTE_COLOR = "#64748b"
_FONT = "'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"
_MONOSPACED = "Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_NOTE = "An arrow means: imports. Arrows that follow from others are left out. Drawn from the code."
_STYLE = f"""\
<style>
text {{ font-family: {_FONT}; text-anchor: middle; }}
.name {{ font-size: 19px; font-weight: 600; }}
.caption {{ font-size: 14.5px; }}
.folders {{ font-family: {_MONOSPACED}; font-size: 13px; }}
.note {{ font-size: 14px; }}
</style>"""


def _draw_arrow(points: Sequence[Point], color: str) -> str:
    """A curve that is vertical where it enters and leaves rows, and its head."""
    start, *between, end = points
    neck = Point(end.x, end.y - _ARROW_LENGTH)

    path = f"M{start.x:g},{start.y:g}"
    last = start
    for point in [*between, neck]:
        middle = (last.y + point.y) / 2
        path += f" C{last.x:g},{middle:g} {point.x:g},{middle:g} {point.x:g},{point.y:g}"
        last = point
    curve = f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1.6"/>'

    half = _ARROW_LENGTH / 2
    outline = f"M{end.x:g},{end.y:g} l{-half:g},{-_ARROW_LENGTH} h{_ARROW_LENGTH} z"
    head = f'<path d="{outline}" fill="{color}"/>'
    return f"{curve}\n{head}"


def _draw_box(box: Box) -> str:
    theme = box.place.theme
    frame = (
        f'<rect x="{box.left:g}" y="{box.top:g}" width="{box.width:g}" height="{box.height:g}" rx="9" '
        f'fill="{theme.fill}" stroke="{theme.line}" stroke-width="1.4"/>'
    )
    title = "train_main.py and tools/" if box.name == _PROGRAMS else f"{box.name}/"

    # The text stands in the middle of the box; `y` is where the letters of a line stand.
    num_lines = len(box.place.caption) + len(box.folders)
    text_height = _NAME_HEIGHT + num_lines * _LINE_HEIGHT
    y = box.top + (box.height - text_height) / 2 + 0.75 * _NAME_HEIGHT
    texts = [_text(title, "name", box.center, y, theme.line)]
    y += 4
    for line in box.place.caption:
        y += _LINE_HEIGHT
        texts.append(_text(line, "caption", box.center, y, _TEXT_COLOR))
    for line in box.folders:
        y += _LINE_HEIGHT
        texts.append(_text(line, "folders", box.center, y, theme.line))
    return "\n".join([frame, *texts])


def _text(text: str, style: str, x: float, y: float, color: str) -> str:
    escaped = html.escape(text, quote=False)
    return f'<text x="{x:g}" y="{y:g}" class="{style}" fill="{color}">{escaped}</text>'


def _page(shapes: Sequence[str], boxes: Sequence[Box]) -> str:
    width = max(box.right for box in boxes) + _MARGIN
    bottom = max(box.bottom for box in boxes)
    height = bottom + _NOTE_HEIGHT + _MARGIN / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">',
        "<title>Which folders of ofa_tf import which</title>",
        _STYLE,
        f'<rect width="{width:g}" height="{height:g}" rx="12" fill="#ffffff"/>',
        *shapes,
        _text(_NOTE, "note", width / 2, bottom + _NOTE_HEIGHT - 4, _NOTE_COLOR),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


# --- the program -----------------------------------------------------------------


def main(argv: Sequence[str]) -> None:
    del argv
    package = Path(_PACKAGE.value)
    if not package.is_dir():
        raise InputError(f"Expected --package to be a folder. Received: {package}. Name one, such as ofa_tf.")
    imports = read_imports(package)
    if _SUMMARY.value:
        _print_summary(imports)
        return

    programs = find_programs(package.parent)
    picture = draw(imports, read_program_imports(programs, imports))
    output = Path(_OUTPUT.value)
    if _CHECK.value:
        _check_picture(output, picture)
        print(f"{output} is up to date")
    else:
        files.write_bytes(output, picture.encode())
        print(f"wrote {output}")


def _check_picture(output: Path, picture: str) -> None:
    if not output.is_file() or output.read_text(encoding="utf-8") != picture:
        raise InputError(
            f"Expected {output} to be the picture of the code's imports. Received: another one, or none. "
            "Run python tools/draw_imports.py."
        )


def _print_summary(imports: Imports) -> None:
    num_imports = sum(len(others) for others in imports.values())
    cycles = find_cycles(imports)
    num_in_cycles = sum(len(cycle) for cycle in cycles)
    print(f"modules  {len(imports)}")
    print(f"imports  {num_imports}")
    print(f"levels   {count_levels(imports)}")
    print(f"cycles   {len(cycles)}, of {num_in_cycles} modules")
    for cycle in cycles:
        print(f"         {', '.join(cycle)}")


if __name__ == "__main__":
    command_line.run(main)
