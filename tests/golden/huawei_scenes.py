"""What Huawei's golden answers are asked for, in chapters. Read at recording alone."""

from tests.golden import huawei_door_scenes, huawei_fleet_scenes, huawei_upgrade_scenes
from tests.golden.book import Chapter
from tests.golden.huawei_script import Script

FREE = ["--no-request-limits"]


def chapters() -> list[Chapter]:
    """All of them, each for a server of its own."""
    return [
        _chapter("the door", FREE, huawei_door_scenes.door(), huawei_door_scenes.rows(), huawei_door_scenes.iam()),
        _chapter("the fleet", FREE, huawei_fleet_scenes.fleet()),
        _chapter("upgrades", FREE, huawei_upgrade_scenes.upgrades()),
        _chapter("around upgrades", FREE, huawei_upgrade_scenes.around()),
        _chapter("limits", ["--request-limits"], huawei_door_scenes.limits(), huawei_fleet_scenes.quantities()),
    ]


def _chapter(name: str, options: list[str], *scripts: Script) -> Chapter:
    return Chapter(name=name, options=options, steps=[step for script in scripts for step in script.steps])
