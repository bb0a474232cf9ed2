"""What a client leaves alone in the program that uses it."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import logging, homeport
homeport.connect, homeport.connect_sync
logging.getLogger("homeport.rpc").warning("a warning of ours")
assert logging.getLogger().handlers == [] and logging.getLogger().level == logging.WARNING
logging.getLogger("app").warning("a warning of the script's")
"""


def test_a_client_leaves_the_root_logger_and_the_output_of_a_script_alone() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=30)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "a warning of the script's\n")
