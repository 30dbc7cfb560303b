"""Which known name somebody meant who wrote another: in another case, plural or singular, with other marks between and
behind the words, or with one slip of the finger.

A name that is not understood and means nothing known is ignored, as the vendors do. One that nearly is a known name
is what a caller believes to have said: to ignore it could update more devices than were meant. Where devices are chosen
a name that speaks of devices at all is no more harmless. Nothing here raises, and a look-up costs the length of the
name, which is bounded.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

NAME_CHARS_MAX = 80  # of a given name that are looked at; no known one has half as many
SLIP_CHARS_MIN = 6  # letters of a known name in which one may be wrong; shorter words are too near each other

_BETWEEN = re.compile(r"[\s\x00-\x1f\x7f_\-]+")
_HEAD = re.compile(r"[^\W_]*")
_ENDINGS = ("list", "s")
_DIGITS = "0123456789"

# Words of every vendor's names for which devices are meant, and when or whether they are updated.
_CHOOSING = re.compile("version|device|target|group|gr[ae]y|percent|filter|schedul|polic|confirm")


class Names:
    """Known names, found by what is nearly one of them; of two that are equally near, the first is found."""

    def __init__(self, names: Iterable[str]) -> None:
        known = list(names)
        self._found: dict[str, str] = {}
        for fold in (_whole, lambda name: _bare(_whole(name))):  # the nearest first
            for name in known:
                self._found.setdefault(fold(name), name)
        self._slips: dict[str, str] = {}
        self._lengths: set[int] = set()
        for key, name in self._found.items():
            if len(key) >= SLIP_CHARS_MIN:
                self._lengths |= {len(key) - 1, len(key), len(key) + 1}
                for slip in _slips(key):
                    self._slips.setdefault(slip, name)

    def same(self, given: str) -> str | None:
        """The known name that differs from the given one by case, plural or marks alone."""
        return next((self._found[key] for key in _keys(given) if key in self._found), None)

    def meant(self, given: str) -> str | None:
        """The same, or the known name that one slip made the given one of: a letter left out, added, changed or two
        changed over."""
        keys = _keys(given)
        same = next((self._found[key] for key in keys if key in self._found), None)
        if same is not None:
            return same
        slips = (slip for key in dict.fromkeys(keys) if len(key) in self._lengths for slip in _slips(key))
        return next((self._slips[slip] for slip in slips if slip in self._slips), None)


def speaks_of_choice(given: str) -> bool:
    """Whether a name has a word of those by which devices are chosen, or the time of their update: `SourceVersion`."""
    return bool(_CHOOSING.search(_whole(given)))


def _keys(given: str) -> tuple[str, ...]:
    """What the given name is looked up by, the nearest first."""
    whole = _whole(given)
    bare, unnumbered = _bare(whole), whole.rstrip(_DIGITS)
    return whole, bare, unnumbered, _bare(unnumbered)


def _whole(name: str) -> str:
    """The letters and digits that a name begins with, in one case: `Src_Versions[1]` is `srcversions`. Characters that
    are not seen count as not there."""
    text = name[:NAME_CHARS_MAX]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    match = _HEAD.match(_BETWEEN.sub("", text.casefold()))
    return match[0] if match else ""


def _bare(head: str) -> str:
    """The same without an ending that says that there are several."""
    for ending in _ENDINGS:
        head = head.removesuffix(ending) or head
    return head


def _slips(key: str) -> Iterator[str]:
    """The word and every word that lacks one of its letters: words that are one slip apart share one of these."""
    yield key
    for place in range(len(key)):
        yield key[:place] + key[place + 1 :]
