"""The commands that documents show, and how each is tried: what RULES makes of it, or why it is not run.

`collect` finds them in README.md and docs/*.md: nobody keeps a list. `plan` says what is done with one. A command that
no rule is for is a fault, so that none is forgotten. `python -m tests.support.run_documents` runs them.
"""

import ast
import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.documents import CodeBlock, Document, Line
from tests.support.repository import ROOT

INDEX = ROOT / "docs" / "index.md"

# A block whose first line begins with one of these holds commands, all its lines.
_PROGRAMS = {
    *(".", "source", "cd", "export", "git", "curl", "wget"),
    *("python", "python3", "pip", "make", "jupyter", "tensorboard"),
    *("adb", "apt", "apt-get", "docker", "sbatch", "srun", "sudo"),
}
_SHELLS = {"bash", "console", "sh", "shell"}  # languages of fenced blocks
_VARIABLE = re.compile(r"[A-Z_]+=('[^']*'|\"[^\"]*\"|\S*)\s+")  # of the environment, before a program
_PAGE = re.compile(r"^(?!:)(?:[^<\n]*<)?([\w./-]+)>?$", re.MULTILINE)  # in a table of contents


@dataclasses.dataclass(frozen=True)
class Command:
    """Something that a document tells its reader to run.

    Args:
        document: The document, from the root of the repository.
        number: The line that it begins in.
        text: The command, or Python code of several lines.
        is_python: Whether it is the latter.
    """

    document: str
    number: int
    text: str
    is_python: bool = False

    @property
    def place(self) -> str:
        return f"{self.document}:{self.number}"


@dataclasses.dataclass(frozen=True)
class Rule:
    """How the commands that contain a pattern are tried.

    Args:
        pattern: A regular expression that is searched in the command.
        skip: Why such commands are not run.
        flags: Flags that are set, in place of the command's own if it has them.
        replace: A regular expression, and what is put in its place.
        is_new_run: Whether the folder after `--workdir` loses what an earlier training left in it.
        save_as: The file that the code is written to, for later commands; it is run, too.
    """

    pattern: str
    skip: str = ""
    flags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    replace: tuple[str, str] | None = None
    is_new_run: bool = False
    save_as: str = ""


_QUICKSTART = "python tools/quickstart.py --flagfile=flags/quickstart.cfg --workdir=runs/quickstart"  # as in Makefile

_SMALL_SPACE = {"plugins": "tests/support/spaces.py", "space": "small"}

# All rules that fit a command are applied, from the first to the last; one that says why it is not run ends that.
# A small search space, generated photos and one epoch a phase: the commands are tried, not the networks.
RULES = (
    # --- not run ---------------------------------------------------------------
    Rule(r"^(sudo )?(pip|apt|apt-get) ", skip="installs something; CI runs `make install`"),
    Rule(r"^make (install|lint|test|docs)", skip="a step of CI, or made of them"),
    Rule(r"^make (bench|results)", skip="takes minutes to hours, for figures"),
    Rule(r"^git clone ", skip="the clone is there"),
    Rule(r"^(\.|source) ", skip="each command has a shell of its own, with the environment active"),
    Rule(r"^tensorboard ", skip="serves until it is stopped"),
    Rule(r"^jupyter (lab|notebook)", skip="serves until it is stopped"),
    Rule(r"^srun |^sbatch |TF_CONFIG=|--distribution=", skip="needs several computers"),
    Rule(r"^adb |adb\b.*|--list_devices|--fetch_benchmark_binary", skip="needs a phone"),
    Rule(r"phone\.(arch\.json|tflite)|gpu\.arch\.json", skip="needs what a phone has measured"),
    Rule(r"--card=.*--benchmark=", skip="needs what a phone has measured; tests/tools/test_cards_and_snippets.py"),
    Rule(r"--family|family\.json", skip="needs a supernet whose subnets differ; tests/tools/test_tools.py"),
    Rule(r"--target=npu:", skip="needs the compiler of a chip's vendor; tests/tflite/npu"),
    Rule(r"imagenet|IMAGENET", skip="needs ImageNet"),
    Rule(r"runs/published|import_specialized|special\.", skip="needs published weights; tests/tools/test_import.py"),
    Rule(r"tools/compare\.py", skip="takes hours; tests/tools/test_compare.py"),
    Rule(r"tools/results\.py", skip="takes hours; tests/studies"),
    Rule(r"\Aofa_tf\.\w+\(supernet, [^\n]*\Z", skip="a single call, of a program that is shown elsewhere"),
    # --- training ----------------------------------------------------------------
    Rule(r"^make quickstart", replace=(r"^make quickstart", _QUICKSTART)),
    Rule(r"^(?!.*--space=).*(train_main|quickstart)\.py", flags=_SMALL_SPACE),
    Rule(r"^(?!.*--dataset=).*(train_main|quickstart)\.py", flags={"dataset": "folder:PHOTOS"}),
    Rule(r"(train_main|quickstart)\.py", flags={"epochs_scale": "0.01"}),
    Rule(r"^(?!.*--resume)(?!.*--phase=(kernel|depth|width)).*train_main\.py", is_new_run=True),
    Rule(
        r"tools/quickstart\.py",
        flags={"num_archs": "10", "num_networks": "4", "max_accuracy_drop": "100"},
        is_new_run=True,
    ),
    Rule(r"tools/finetune\.py", flags={"epochs": "1"}, is_new_run=True),
    # Any network is quick enough, however busy the computer: 0.2 becomes 102.
    Rule(r"tools/search\.py.*latency_ms=|Limits\(latency_ms=", replace=(r"(?:(?<=ms=)|(?<=\d,))0\.(?=\d)", "10")),
    # --- the steps after it ---------------------------------------------------------
    Rule(r"tools/(evaluate|report)\.py"),
    Rule(r"tools/build_accuracy_table\.py"),
    Rule(r"tools/build_accuracy_table\.py.*--num_archs=", flags={"num_archs": "12"}),
    Rule(r"tools/build_latency_table\.py", flags={"num_networks": "4", "num_held_out": "4"}),
    Rule(r"tools/search\.py", flags={"num_generations": "20", "population_size": "20"}),
    Rule(r"tools/search\.py.*--precision=int8", flags={"num_shipped_archs": "2"}),
    # With more, one would have to be surer than so few held-out networks allow.
    Rule(r"tools/search\.py.*--confidence=", flags={"confidence": "0.5"}),
    Rule(r"tools/search\.py.*--front", flags={"num_measurements": "4"}),
    Rule(r"tools/to_tflite\.py"),
    Rule(r"tools/to_tflite\.py.*--(arch|model)=.*--output", flags={"max_accuracy_drop": "100"}),
    Rule(r"--quantization=qat", flags={"qat_epochs": "1"}),
    Rule(r"front\.json:\d", replace=(r"front\.json:\d+", "front.json:0")),
    Rule(r"tools/benchmark\.py", flags={"rounds": "3"}),
    Rule(r"python classify\.py", replace=(r"photo\.jpg", "PHOTOS/ant/000.png")),
    # --- Python ----------------------------------------------------------------------
    Rule(r"import ofa_tf|, ofa_tf"),
    Rule(r'name="my_space"', save_as="my_space.py"),
    Rule(r"\(num_archs=", replace=(r"num_archs=\d+", "num_archs=12")),
    Rule(
        r"LatencyTableSettings\(",
        replace=(r"LatencyTableSettings\(", "LatencyTableSettings(num_networks=4, num_held_out=4, "),
    ),
    Rule(r"SearchSettings\(precision", replace=(r"SearchSettings\(", "SearchSettings(num_shipped_archs=2, ")),
    Rule(r"TFLiteModel\(", replace=(r"\(1, \d+, \d+, 3\)", "(1, model.image_size, model.image_size, 3)")),
    Rule(r"run\.export", replace=(r"ExportOptions\(", "ExportOptions(max_accuracy_drop=1.0, ")),
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is done with a command.

    Args:
        text: What is run in its place.
        skip: Why it is not run; empty if it is.
        is_new_run: See `Rule`.
        save_as: See `Rule`.
    """

    text: str
    skip: str = ""
    is_new_run: bool = False
    save_as: str = ""


def plan(command: Command) -> Plan | None:
    """What is done with a command; `None` if no rule is for it."""
    text = command.text
    matched = False
    is_new_run = False
    save_as = ""
    for rule in RULES:
        if re.search(rule.pattern, text) is None:
            continue
        if rule.skip:
            return Plan(text, rule.skip)
        matched = True
        is_new_run = is_new_run or rule.is_new_run
        save_as = rule.save_as or save_as
        for flag, value in rule.flags.items():
            text = _set_flag(text, flag, value)
        if rule.replace is not None:
            text = re.sub(*rule.replace, text)
    if not matched:
        return None
    return Plan(text, is_new_run=is_new_run, save_as=save_as)


def _set_flag(command: str, flag: str, value: str) -> str:
    setting = f"--{flag}={value}"
    changed, number = re.subn(rf"--{flag}(=\S+)?(?=\s|$)", setting, command)
    return changed if number > 0 else f"{command} {setting}"


# --- finding them ---------------------------------------------------------------


def documents_in_order() -> list[Path]:
    """README.md, then the pages of docs/ in the order of the table of contents; those that it does not name last."""
    pages = []
    for block in Document.read(INDEX).code_blocks:
        for name in _PAGE.findall(block.text):
            pages.append((INDEX.parent / f"{name}.md").resolve())
    readme = ROOT / "README.md"
    all_pages = [readme, *pages, *sorted((ROOT / "docs").glob("*.md"))]
    wanted = []
    for page in dict.fromkeys(all_pages):
        is_read_first = page == readme or page.parent == ROOT / "docs"
        if is_read_first and page.exists():
            wanted.append(page)
    return wanted


def collect(document: Document) -> list[Command]:
    """The commands of a document, in order.

    Its Python code is one of them, the first of it, as later code uses names of earlier one. What `_stands_alone` is
    not part of that.
    """
    name = document.path.relative_to(ROOT).as_posix()
    commands: list[Command] = []
    code: list[CodeBlock] = []
    position = 0
    for block in document.code_blocks:
        if not _is_python(block):
            commands += [Command(name, line.number, line.text) for line in _shell_lines(block)]
        elif _stands_alone(block):
            commands.append(Command(name, block.lines[0].number, block.text, is_python=True))
        else:
            if not code:
                position = len(commands)
            code.append(block)
    if code:
        text = "\n\n".join(block.text for block in code)
        commands.insert(position, Command(name, code[0].lines[0].number, text, is_python=True))
    return commands


def _is_python(block: CodeBlock) -> bool:
    """Whether a block is Python code: it says so, or it can be read as such and calls something."""
    if block.language:
        return block.language in ("python", "py")
    try:
        tree = ast.parse(block.text)
    except SyntaxError:
        return False
    return any(isinstance(node, ast.Call | ast.Import | ast.ImportFrom) for node in ast.walk(tree))


def _stands_alone(block: CodeBlock) -> bool:
    """Whether a block is no part of a document's program: a file of its own, or what a rule says is not run."""
    rules = [rule for rule in RULES if rule.save_as or rule.skip]
    return any(re.search(rule.pattern, block.text) for rule in rules)


def _shell_lines(block: CodeBlock) -> Iterator[Line]:
    """The commands of a block, without comments; none if it is something else."""
    is_shell = block.language in _SHELLS
    begins_with_program = not block.language and _is_command(block.lines[0].text.strip())
    if not is_shell and not begins_with_program:
        return
    start, text = 0, ""
    for line in block.lines:
        start = start if text else line.number
        text += line.text.strip()
        if text.endswith("\\"):
            text = text.removesuffix("\\")
            continue
        without_comment = re.sub(r"(^|\s)#.*", "", text).strip()
        text = ""
        if without_comment:
            yield Line(start, without_comment.removeprefix("$ "))


def _is_command(line: str) -> bool:
    words = _VARIABLE.sub("", line.removeprefix("$ ")).split()
    return bool(words) and (words[0] in _PROGRAMS or words[0].startswith((".ci/", ".venv/")))
