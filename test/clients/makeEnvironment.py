"""Makes the virtual environment in the folder argv[1] hold exactly the packages of argv[2]; quick when it does."""

import fcntl
import pathlib
import shutil
import subprocess
import sys
import venv

folder, requirements = map(pathlib.Path, sys.argv[1:3])

with requirements.open() as wanted:
    # Test files run side by side: the second waits here until the first has made it.
    fcntl.flock(wanted, fcntl.LOCK_EX)
    text = wanted.read()
    made_from = folder / "made-from.txt"
    if not made_from.exists() or made_from.read_text() != text:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run(
            [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
            + ["--requirement", requirements],
            check=True,
        )
        made_from.write_text(text)
