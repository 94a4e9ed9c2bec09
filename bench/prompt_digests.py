"""Compare prompts/ with what was released, or note new versions: `python -m bench.prompt_digests [--check]`."""

import argparse
import sys

from ruamel.yaml import YAML

from service.catalog import PROMPTS, read_prompts, yaml_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a prompt is not released yet")
    wanted = parser.parse_args()
    released_file = PROMPTS / "released.yaml"
    released = YAML(typ="safe", pure=True).load(released_file.read_text("utf-8")) or {}
    now = {name: template.digest for name, template in read_prompts().items()}  # raises on a changed or missing one
    unreleased = sorted(set(now) - set(released))
    if wanted.check and unreleased:
        sys.exit(f"not in prompts/released.yaml: {unreleased}; run `python -m bench.prompt_digests` to release them")
    if not wanted.check:
        header = (
            "# sha256 of each released prompt with what it includes. A line never changes: new wording is a new file.\n"
        )
        released_file.write_text(header + yaml_text(dict(sorted((released | now).items()))), "utf-8")
        print(f"released: {unreleased or 'nothing new'}")


if __name__ == "__main__":
    main()
