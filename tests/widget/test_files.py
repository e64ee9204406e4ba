"""The widget as files: small, typed, one style."""

from __future__ import annotations

import gzip
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from omnigate_webchat.assets import ENTRIES
from omnigate_webchat.pack import pack, squeeze

ROOT = Path(__file__).parents[2]
WIDGET = ROOT / "plugins" / "omnigate_webchat" / "widget"
MODULES = {path.name: path.read_text() for path in WIDGET.glob("*.js")}


def gzipped(text: str) -> int:
    return len(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def test_the_loader_has_at_most_three_kilobytes() -> None:
    assert gzipped(MODULES["w.js"]) <= 3 * 1024


def test_what_everybody_loads_has_at_most_25_kilobytes() -> None:
    assert gzipped(pack(MODULES, "main.js")) <= 25 * 1024


@pytest.mark.parametrize(("entry", "kilobytes"), [("reach.js", 11), ("rating.js", 3)])
def test_what_is_loaded_when_it_is_needed_is_small(entry: str, kilobytes: int) -> None:
    assert gzipped(pack(MODULES, entry)) <= kilobytes * 1024


def test_every_module_is_part_of_the_widget() -> None:
    """What nothing imports would not be packed."""
    text = "\n".join(MODULES.values())
    imported = set(re.findall(r'from "\./(\w+\.js)"', text))
    later = set(re.findall(r'await import\("\./(\w+\.js)"\)', text))
    assert later | {"main.js"} == set(ENTRIES)
    assert imported | later | {"main.js", "w.js"} == set(MODULES)


def test_the_types_are_sound() -> None:
    npx = shutil.which("npx")
    assert npx, "install Node.js and run npm install"
    check = [npx, "--no-install", "tsc", "--noEmit", "-p", "tsconfig.json"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout


def test_nothing_parses_markup_or_makes_code_from_text() -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
    )
    assert not [name for name, text in MODULES.items() if re.search(forbidden, text)]


def test_no_style_attribute_is_set() -> None:
    """A strict policy forbids them; properties of the style object are allowed."""
    assert not [name for name, text in MODULES.items() if re.search(r"\bstyle=|\"style\"", text)]


def test_both_languages_have_the_same_texts() -> None:
    keys = [
        re.findall(r"^  (\w+):", MODULES[name], re.MULTILINE)
        for name in ("texts_en.js", "texts_ru.js")
    ]
    assert keys[0] == keys[1]


def test_packing_keeps_what_stands_in_texts() -> None:
    source = (
        'const a = "// no #comment"; // a comment\n'
        "const b = `/* kept */  spaces`; /* dropped\n */\n"
        "const c = /[/*]+  \\//g, d = 4 / 2 / 1;\n"
        "const e = d + +d;\n"
        "class F {\n  #long = [1, 2,];\n  get #other() { return this.#long; }\n}\n"
    )
    assert squeeze(source) == (
        'const a="// no #comment";const b=`/* kept */  spaces`;'
        "const c=/[/*]+  \\//g,d=4/2/1;const e=d+ +d;"
        "class F{#a=[1,2];get #b(){return this.#a}}\n"
    )


NUMBERS = """
import { grouped } from "./numbers.js";
const codes = { RU: "7", KZ: "7", DE: "49", US: "1", CA: "1", JM: "1", FI: "358" };
const regions = Object.entries(codes);
let seed = Number(process.argv[1]);
const next = (most) => (seed = (seed * 48271) % 2147483647) % most;
const signs = "0123456789+ ()-.ax\\u0669";
for (let i = 0; i < 20000; i++) {
  const typed = Array.from({ length: next(24) }, () => signs[next(signs.length)]).join("");
  const region = regions[next(regions.length)][0];
  const own = regions[next(regions.length)][0];
  const once = grouped(typed, region, { region: own, regions });
  const again = grouped(once.text, once.region || region, { region: own, regions });
  const digits = (text) => text.replace(/[^0-9]/g, "");
  const kept = digits(once.text) === digits(typed).slice(0, 15);
  const clean = /^\\+?(\\d+( \\d+)*)?$/.test(once.text);
  const stays = again.text === once.text && again.region === once.region;
  if (!kept || !clean || !stays) throw new Error(JSON.stringify([typed, region, once, again]));
}
"""


def test_putting_a_number_in_order_loses_no_digit_and_is_done_once() -> None:
    node = shutil.which("node")
    assert node, "install Node.js"
    seed = random.randrange(1, 2**31 - 1)
    print(f"seed {seed}")
    check = [node, "--input-type=module", "-e", NUMBERS, str(seed)]
    done = subprocess.run(
        check, cwd=WIDGET, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
