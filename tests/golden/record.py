"""Record the golden answers anew: `python -m tests.golden.record alibaba` (or tuya, huawei, faces; several).

Nothing else records. The differences that git shows afterwards are what owners' programs would see."""

import importlib
import sys
from pathlib import Path

from tests.golden import book


def main(dialects: list[str]) -> int:
    """Play each dialect's scenes and keep the answers."""
    if not dialects:
        print(__doc__)
        return 2
    sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest has it: acceptance, mqttwire
    for dialect in dialects:
        scenes = importlib.import_module(f"tests.golden.{dialect}_scenes")
        stage = importlib.import_module(f"tests.golden.{dialect}_stage")
        book.record(dialect, scenes.chapters(), stage.open_stage)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
