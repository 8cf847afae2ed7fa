"""Children that are there for their parent alone, as real processes."""

from __future__ import annotations

import signal
import subprocess
import sys

_CHILD = "import os, sys, time; from bintally.processes import die_with; die_with(int(sys.argv[1])); print(os.getpid(), flush=True); time.sleep(60)"
_PARENT = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', {_CHILD!r}, str(os.getpid())])"


def test_a_child_dies_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as said:
        assert said.readline().strip().isdigit()
        parent.send_signal(signal.SIGKILL)
        assert said.read() == ""  # the pipe's other end is closed: the child, which has it too, is gone
    assert parent.wait(10) == -signal.SIGKILL


def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    assert subprocess.run([sys.executable, "-c", _CHILD, "1"], check=False, capture_output=True, text=True, timeout=30).stdout == ""


def test_what_libraries_print_is_not_taken_for_an_answer() -> None:
    code = "import os; from bintally.processes import own_stdout; say = own_stdout(); print('noise', flush=True); os.write(1, b'noise'); say.write('yes')"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert (said.stdout, said.stderr) == ("yes", "noise\nnoise")
