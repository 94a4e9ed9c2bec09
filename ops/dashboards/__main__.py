"""Write the dashboards' JSON; with --check say which files are not what the code builds, and end with 1."""

import argparse
import sys
from pathlib import Path

from ops.dashboards import DASHBOARDS, text_of

FOLDER = Path(__file__).parents[1] / "grafana" / "dashboards"


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    parser = argparse.ArgumentParser(prog="python -m ops.dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args(arguments).check
    texts = {folder / f"{name}.json": text_of(build()) for name, build in DASHBOARDS.items()}
    if check:
        stale = [path.name for path, text in texts.items() if not path.is_file() or path.read_text("utf-8") != text]
        stale += [path.name for path in folder.glob("*.json") if path not in texts]
        if stale:
            sys.stderr.write(f"not what the code builds: {', '.join(stale)}; run `python -m ops.dashboards`\n")
        return bool(stale)
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
