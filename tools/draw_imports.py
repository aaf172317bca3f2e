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
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from absl import flags

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
    modules = {_module_name(path, package.parent): path for path in sorted(package.rglob("*.py"))}
    return {name: _imported(path, name, modules.keys()) for name, path in modules.items()}


def read_program_imports(programs: Iterable[Path], package: Imports) -> set[str]:
    """The modules of a package that some programs import."""
    imported: set[str] = set()
    for path in programs:
        imported |= _imported(path, path.stem, package.keys())
    return imported


def _module_name(path: Path, parent: Path) -> str:
    parts = list(path.relative_to(parent).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def _imported(path: Path, name: str, modules: Iterable[str]) -> set[str]:
    """Those of `modules` that a file imports, wherever in the file."""
    known = set(modules)
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = _absolute_source(node, path, name)
            for alias in node.names:
                module = f"{source}.{alias.name}"
                imported.add(module if module in known else source)
    return (imported & known) - {name}


def _absolute_source(node: ast.ImportFrom, path: Path, name: str) -> str:
    """What stands behind `from`, with the dots of relative imports resolved."""
    if node.level == 0:
        return node.module or ""
    package = name.split(".")
    if path.name != "__init__.py":
        package.pop()
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)


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
    together = {}
    for module, others in reached.items():
        together[module] = {module} | {other for other in others if module in reached[other]}

    levels: dict[str, int] = {}
    # Who imports more, directly or not, stands above: what a module imports has its level by then.
    for module in sorted(imports, key=lambda name: len(reached[name] | {name})):
        below: set[str] = set()
        for member in together[module]:
            below |= imports[member]
        below -= together[module]
        levels[module] = 1 + max((levels[other] for other in below), default=0)
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


def _folders(modules: Iterable[str]) -> set[str]:
    folders = {_folder(module) for module in modules}
    return {folder for folder in folders if folder is not None}


def _folder(module: str) -> str | None:
    """The folder at the top of the package that a module lies in; `None` for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def sub_folders(imports: Imports, folder: str) -> list[str]:
    """The folders within one at the top, those that import others behind those."""
    inside: Imports = {}
    for module, others in imports.items():
        name = _sub_folder(module, folder)
        if name is not None:
            targets = {_sub_folder(other, folder) for other in others}
            inside.setdefault(name, set()).update(target for target in targets if target not in (None, name))
    reached = reachable(inside)
    return sorted(inside, key=lambda name: (len(reached[name]), name))


def _sub_folder(module: str, folder: str) -> str | None:
    parts = module.split(".")
    return parts[2] if len(parts) > 3 and parts[1] == folder else None


# --- drawing -----------------------------------------------------------------


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

_RUN_CAPTION = "the folder of a run, and the steps after training: measure, search, export"
_SPACE_CAPTION = "archs, genes, search spaces, parts, MACs: plain data, NumPy only"

# What trains networks stands left, what brings them to devices right.
PLACES = {
    _PROGRAMS: Place(0, 0, _GENERAL, ("flags in, one call, a report out",), num_columns=5),
    "workflow": Place(1, 1, _RUN, (_RUN_CAPTION,), num_columns=4),
    "pretrained": Place(2, 0, _TRAINING, ("published PyTorch", "weights and networks")),
    "training": Place(2, 1, _TRAINING, ("phases, train step,", "checkpoints, evaluation")),
    "search": Place(2, 2, _RUN, ("accuracy predictor,", "constraints, evolution")),
    "latency": Place(2, 3, _DEVICE, ("what each subnet costs", "on a device")),
    "report": Place(2, 4, _RUN, ("tables and plots",)),
    "data": Place(3, 0, _TRAINING, ("images of data sets,", "augmented, in batches")),
    "networks": Place(3, 1, _NETWORK, ("elastic layers, supernet,", "subnets, calibration")),
    "devices": Place(3, 3, _DEVICE, ("run a .tflite file here", "or on a phone")),
    "tflite": Place(4, 3, _DEVICE, ("a Keras subnet becomes", "a file that passed the gate")),
    "space": Place(5, 1, _NETWORK, (_SPACE_CAPTION,), num_columns=3),
    "base": Place(6, 0, _GENERAL, ("errors, files, progress, registry, TensorFlow's settings",), num_columns=5),
}

_COLUMN_WIDTH = 214
_COLUMN_GAP = 30
_ROW_GAP = 60
_MARGIN = 30
_PADDING = 14  # between the edge of a box and its text, and its outermost arrows
_NAME_HEIGHT = 24
_LINE_HEIGHT = 19
_NOTE_HEIGHT = 34
_CHARACTERS_A_COLUMN = 26
_ARROW_LENGTH = 9
_FONT = "'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"
_MONOSPACED = "Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_NOTE = "An arrow means: imports. Arrows that follow from others are left out. Drawn from the code."


@dataclasses.dataclass(frozen=True)
class Box:
    """A folder in the picture, in pixels."""

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

    def nearest(self, x: float) -> float:
        """The place for an arrow that is nearest to `x`."""
        return min(max(x, self.left + 2 * _PADDING), self.right - 2 * _PADDING)


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
    for source, targets in drop_transitive(between).items():
        arrows += [(source, target) for target in sorted(targets)]
    boxes = _arrange(between, imports)
    shapes = [_draw_arrow(points, boxes[source].place.theme.line) for source, points in _route(sorted(arrows), boxes)]
    shapes += [_draw_box(box) for box in boxes.values()]
    return _page(shapes, boxes.values())


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


def _arrange(folders: Iterable[str], imports: Imports) -> dict[str, Box]:
    """Boxes of all folders, by their names, in the order of `PLACES`."""
    shown = [name for name in PLACES if name in folders]
    lists = {name: _wrap(sub_folders(imports, name), PLACES[name].num_columns) for name in shown}
    heights: dict[int, float] = {}
    for name in shown:
        row = PLACES[name].row
        num_lines = len(PLACES[name].caption) + len(lists[name])
        height = 2 * _PADDING + _NAME_HEIGHT + num_lines * _LINE_HEIGHT
        heights[row] = max(height, heights.get(row, 0))

    tops, top = {}, float(_MARGIN)
    for row in sorted(heights):
        tops[row] = top
        top += heights[row] + _ROW_GAP

    step = _COLUMN_WIDTH + _COLUMN_GAP
    boxes = {}
    for name in shown:
        place = PLACES[name]
        boxes[name] = Box(
            name=name,
            place=place,
            folders=tuple(lists[name]),
            left=_MARGIN + place.column * step,
            top=tops[place.row],
            width=place.num_columns * step - _COLUMN_GAP,
            height=heights[place.row],
        )
    return boxes


def _wrap(names: Sequence[str], num_columns: int) -> list[str]:
    """Names side by side, in as many lines as they take."""
    lines: list[str] = []
    for name in names:
        if lines and len(f"{lines[-1]} {name}/") <= _CHARACTERS_A_COLUMN * num_columns:
            lines[-1] += f" {name}/"
        else:
            lines.append(f"{name}/")
    return lines


# --- arrows --------------------------------------------------------------------

Arrow = tuple[str, str]
Point = tuple[float, float]


def _route(arrows: Sequence[Arrow], boxes: Mapping[str, Box]) -> list[tuple[str, list[Point]]]:
    """Points that each arrow goes through, two a row: where it enters and where it leaves the row."""
    starts, ends = _ports(arrows, boxes)
    routes = []
    for arrow in arrows:
        source, target = boxes[arrow[0]], boxes[arrow[1]]
        start, end = (starts[arrow], source.bottom), (ends[arrow], target.top)
        points = [start]
        for row in range(source.place.row + 1, target.place.row):
            in_row = [box for box in boxes.values() if box.place.row == row]
            if in_row:
                x = _free_x(_straight_x(start, end, in_row[0].top), in_row)
                points += [(x, in_row[0].top), (x, in_row[0].bottom)]
        routes.append((arrow[0], [*points, end]))
    return routes


def _ports(arrows: Sequence[Arrow], boxes: Mapping[str, Box]) -> tuple[dict[Arrow, float], dict[Arrow, float]]:
    """Where arrows leave and where they reach their boxes.

    At boxes of one column they are spread evenly, in the order of their other
    ends. At wide boxes they stand straight above or below the other end.
    """
    starts, ends = {}, {}
    for box in boxes.values():
        leaving = [arrow for arrow in arrows if arrow[0] == box.name]
        reaching = [arrow for arrow in arrows if arrow[1] == box.name]
        starts.update(_spread(box, leaving, {arrow: boxes[arrow[1]].center for arrow in leaving}))
        ends.update(_spread(box, reaching, {arrow: boxes[arrow[0]].center for arrow in reaching}))
    for arrow in arrows:
        source, target = boxes[arrow[0]], boxes[arrow[1]]
        is_source_wide = source.place.num_columns > 1
        is_target_wide = target.place.num_columns > 1
        if is_source_wide and is_target_wide:
            left, right = max(source.left, target.left), min(source.right, target.right)
            starts[arrow] = ends[arrow] = (left + right) / 2
        elif is_source_wide:
            starts[arrow] = source.nearest(ends[arrow])
        elif is_target_wide:
            ends[arrow] = target.nearest(starts[arrow])
    return starts, ends


def _spread(box: Box, arrows: Sequence[Arrow], others: Mapping[Arrow, float]) -> dict[Arrow, float]:
    """Places along a box, evenly, for arrows in the order of their other ends."""
    places = {}
    for index, arrow in enumerate(sorted(arrows, key=lambda arrow: (others[arrow], arrow))):
        places[arrow] = box.left + box.width * (index + 1) / (len(arrows) + 1)
    return places


def _straight_x(start: Point, end: Point, y: float) -> float:
    share = (y - start[1]) / (end[1] - start[1])
    return start[0] + share * (end[0] - start[0])


def _free_x(x: float, boxes: Sequence[Box]) -> float:
    """The place nearest to `x` between the boxes of a row, or beside them."""
    distance = _COLUMN_GAP / 2
    blocking = [box for box in boxes if box.left - distance < x < box.right + distance]
    if not blocking:
        return x
    candidates = []
    for box in boxes:
        candidates += [box.left - distance, box.right + distance]
    return min(candidates, key=lambda candidate: (abs(candidate - x), candidate))


def _draw_arrow(points: Sequence[Point], color: str) -> str:
    """A curve that is vertical where it enters and leaves rows."""
    x, y = points[0]
    path = [f"M{x:g},{y:g}"]
    end_x, end_y = points[-1]
    stops = [*points[1:-1], (end_x, end_y - _ARROW_LENGTH)]
    for next_x, next_y in stops:
        middle = (y + next_y) / 2
        path.append(f"C{x:g},{middle:g} {next_x:g},{middle:g} {next_x:g},{next_y:g}")
        x, y = next_x, next_y
    half = _ARROW_LENGTH / 2
    head = f"M{end_x:g},{end_y:g} l{-half:g},{-_ARROW_LENGTH} h{_ARROW_LENGTH} z"
    curve = f'<path d="{" ".join(path)}" fill="none" stroke="{color}" stroke-width="1.6"/>'
    return f'{curve}\n<path d="{head}" fill="{color}"/>'


# --- boxes ---------------------------------------------------------------------


def _draw_box(box: Box) -> str:
    place, theme = box.place, box.place.theme
    frame = (
        f'<rect x="{box.left:g}" y="{box.top:g}" width="{box.width:g}" height="{box.height:g}" rx="9" '
        f'fill="{theme.fill}" stroke="{theme.line}" stroke-width="1.4"/>'
    )
    title = "train_main.py and tools/" if box.name == _PROGRAMS else f"{box.name}/"
    num_lines = len(place.caption) + len(box.folders)
    free = box.height - _NAME_HEIGHT - num_lines * _LINE_HEIGHT
    y = box.top + free / 2 + 0.75 * _NAME_HEIGHT
    texts = [_text(title, box.center, y, 'class="name"', theme.line)]
    y += 4
    for line in place.caption:
        y += _LINE_HEIGHT
        texts.append(_text(line, box.center, y, 'class="caption"'))
    for line in box.folders:
        y += _LINE_HEIGHT
        texts.append(_text(line, box.center, y, 'class="folders"', theme.line))
    return "\n".join([frame, *texts])


def _text(text: str, x: float, y: float, attributes: str, color: str = "#334155") -> str:
    return f'<text x="{x:g}" y="{y:g}" {attributes} fill="{color}">{html.escape(text, quote=False)}</text>'


def _page(shapes: Iterable[str], boxes: Iterable[Box]) -> str:
    frames = list(boxes)
    width = max(box.right for box in frames) + _MARGIN
    height = max(box.bottom for box in frames) + _NOTE_HEIGHT + _MARGIN / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">',
        "<title>Which folders of ofa_tf import which</title>",
        "<style>",
        f"text {{ font-family: {_FONT}; text-anchor: middle; }}",
        ".name { font-size: 19px; font-weight: 600; }",
        ".caption { font-size: 14.5px; }",
        f".folders {{ font-family: {_MONOSPACED}; font-size: 13px; }}",
        ".note { font-size: 14px; }",
        "</style>",
        f'<rect width="{width:g}" height="{height:g}" rx="12" fill="#ffffff"/>',
        *shapes,
        _text(_NOTE, width / 2, height - _MARGIN / 2 - 4, 'class="note"', "#64748b"),
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
    root = package.parent
    programs = [root / "train_main.py", *sorted((root / "tools").glob("*.py"))]
    picture = draw(imports, read_program_imports(programs, imports))
    output = Path(_OUTPUT.value)
    if not _CHECK.value:
        files.write_bytes(output, picture.encode())
        print(f"wrote {output}")
    elif not output.is_file() or output.read_text(encoding="utf-8") != picture:
        raise InputError(
            f"Expected {output} to be the picture of the code's imports. Received: another one, or none. "
            "Run python tools/draw_imports.py."
        )
    else:
        print(f"{output} is up to date")


def _print_summary(imports: Imports) -> None:
    cycles = find_cycles(imports)
    print(f"modules  {len(imports)}")
    print(f"imports  {sum(len(others) for others in imports.values())}")
    print(f"levels   {count_levels(imports)}")
    print(f"cycles   {len(cycles)}, of {sum(len(cycle) for cycle in cycles)} modules")
    for cycle in cycles:
        print(f"         {', '.join(cycle)}")


if __name__ == "__main__":
    command_line.run(main)
