"""Letters beside the English ones that vendors' pages name, and how long a text is that has some.

A page says that a Chinese character counts as two (alibaba 3.1). Whether a kana does, no page says: a text is taken
when either way of counting lets it pass.
"""

import re

CHINESE = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # with 々, 〆 and 〇
KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
LETTERS = "A-Za-z" + CHINESE + KANA  # English, Chinese, Japanese; for a class of a regular expression

_CHINESE = re.compile(f"[{CHINESE}]")
_WIDE = re.compile(f"[{CHINESE}{KANA}]")


def width(text: str) -> int:
    """The characters of a text, a Chinese one counted as two."""
    return len(text) + len(_CHINESE.findall(text))


def width_max(text: str) -> int:
    """The same with kana counted as two as well."""
    return len(text) + len(_WIDE.findall(text))
