"""Where source can be weakened, statement by statement: memory orders, calls and assignments,
conditions. Works on lines as the formatter leaves them; what spans several lines is left alone."""
import dataclasses
import hashlib
import re

ORDER = re.compile(r"\bbase::(acquire|release|acq_rel|seq_cst)\b")
# A call or an assignment that is a statement of its own; declarations begin with a type.
CALL = re.compile(r"^\s+(?!return\b|co_return\b|throw\b|using\b|case\b|delete\b|static_assert\b|SLUICE_)"
                  r"(?:static_cast<void>\(.*\)|[\w:.>\-\[\]*()]*\w\(.*\));$")
ASSIGNMENT = re.compile(r"^\s+\*?[\w.\[\]()>\-]+ (?:=|\+=|-=|\|=|&=) [^=].*;$")
STEP = re.compile(r"^\s+(?:\+\+|--)[\w.>\-]+;$")
DECLARATION = re.compile(r"^[\w:]+(?:<.*>)?[ *&]+(?:const )?\w+ = ")
KINDS = ("order", "delete", "negate")


@dataclasses.dataclass(frozen=True)
class Mutant:
    kind: str
    file: str
    line: int  # from 1
    before: str
    after: str
    key: str  # stays the same when lines move

    def describe(self):
        return f"{self.file}:{self.line} {self.kind}: {self.before.strip()} -> {self.after.strip()}"


def weaker(line, at, order):
    """The next weaker orders of one access; those of a compare-and-swap that fails stay legal."""
    if order == "acq_rel":
        return ("acquire", "release")
    if order in ("acquire", "release"):
        return ("relaxed",)
    if ".load(" in line[:at]:
        return ("acquire",)
    return ("release",) if ".store(" in line[:at] else ("acq_rel",)


def code_of(line):
    """The line without its comment."""
    return re.sub(r"\s*//.*$", "", line)


def is_balanced(text):
    depth = 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            return False
    return depth == 0


def split_condition(code):
    """(before, condition, after) of an `if` whose condition ends on its line, or nothing."""
    head = re.match(r"^\s*(?:\} else )?if (?:constexpr )?\(", code)
    if not head or "constexpr" in head.group():
        return None
    depth, begin = 1, head.end()
    for at in range(begin, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return code[:begin], code[begin:at], code[at:]
    return None


def changes(line):
    """Yields (kind, changed line)."""
    code = code_of(line)
    for found in ORDER.finditer(code):
        for order in weaker(code, found.start(), found.group(1)):
            yield "order", code[:found.start()] + f"base::{order}" + code[found.end():]
    indent = code[:len(code) - len(code.lstrip())]
    is_statement = CALL.match(code) or ASSIGNMENT.match(code) or STEP.match(code)
    if is_statement and is_balanced(code):
        yield "delete", indent + ";"
    if parts := split_condition(code):
        head, condition, tail = parts
        init, semicolon, test = condition.rpartition("; ")
        is_declaration = not semicolon and DECLARATION.match(test)
        if not is_declaration:
            yield "negate", f"{head}{init}{semicolon}!({test}){tail}"


def sites(root, folders):
    """Every mutant of the .cpp and .hpp files of src/<folder>."""
    for folder in folders:
        for path in sorted((root / "src" / folder).glob("*.[ch]pp")):
            name, seen = str(path.relative_to(root)), {}
            # A statement goes on over several lines: the ones that begin one follow an end.
            begins = True
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                code = code_of(line).strip()
                for kind, changed in changes(line):
                    if kind != "order" and not begins:
                        continue
                    text = f"{kind}|{line.strip()}|{changed.strip()}"
                    seen[text] = seen.get(text, 0) + 1
                    key = hashlib.sha256(f"{name}|{text}|{seen[text]}".encode()).hexdigest()[:12]
                    yield Mutant(kind, name, number, line, changed, key)
                if code:
                    begins = code[-1] in ";{}:" or code.endswith("]]") or code.startswith("#")
