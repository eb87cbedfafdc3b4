"""Makes docs/index.html of the README."""

from pathlib import Path

import markdown

ROOT = Path(__file__).parent
(ROOT / "index.html").write_text(markdown.markdown((ROOT.parent / "README.md").read_text()))
print("made docs/index.html with markdown", markdown.__version__)
