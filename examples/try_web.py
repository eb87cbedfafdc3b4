"""Sets pkm up from this checkout, then locks, syncs and runs examples/web.

Needs Python 3.10 or newer and a package index. All that it makes lies in .pkm/try of the
checkout and in examples/web (.venv, .pkm, pylock.toml); git ignores both.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "examples" / "web"
HOME = ROOT / ".pkm" / "try"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"


def run(*words, **settings):
    print("$", *(Path(word).name if at == 0 else word for at, word in enumerate(map(str, words))), flush=True)
    subprocess.run([*map(str, words)], check=True, **settings)


def install_pkm():
    """Make an environment that holds pkm, and a folder with a wheel of this tree."""
    if sys.version_info < (3, 10):
        sys.exit("pkm needs Python 3.10 or newer")
    shutil.rmtree(HOME / "wheels", ignore_errors=True)
    run(sys.executable, "-m", "venv", "--clear", HOME / "venv")
    pip = [HOME / "venv" / SCRIPTS / "python", "-m", "pip", "-q", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--wheel-dir", HOME / "wheels", ROOT)
    (wheel,) = (HOME / "wheels").glob("pkm-*.whl")
    run(*pip, "install", f"pkm[cli] @ {wheel.as_uri()}")
    return HOME / "venv" / SCRIPTS / "pkm"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def ask(url, patience_s=30):
    """Return the parsed answer of *url*, waiting until a server is there."""
    end = time.monotonic() + patience_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def main():
    pkm = install_pkm()
    run(pkm, "lock", cwd=WEB)
    run(pkm, "sync", cwd=WEB)
    run(pkm, "env", "list", cwd=WEB)
    port = free_port()
    command = [pkm, "run", "uvicorn", "shop.app:app", "--port", str(port), "--log-level", "warning"]
    server = subprocess.Popen([*map(str, command)], cwd=WEB)
    try:
        print("GET /items ->", ask(f"http://127.0.0.1:{port}/items"))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
