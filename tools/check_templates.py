"""Checks that templates, style sheets and scripts are indented as djhtml would."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = {"djhtml": "*.html", "djcss": "*.css", "djjs": "*.js"}


def main() -> int:
    failed = 0
    for tool, pattern in TOOLS.items():
        files = [
            str(path.relative_to(ROOT))
            for package in ("wagtail_agenda", "example_site")
            for path in sorted((ROOT / package).rglob(pattern))
            if "var" not in path.parts
        ]
        if files:
            command = [Path(sys.executable).parent / tool, "--check", *files]
            failed |= subprocess.run(command, cwd=ROOT, check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
