"""python -m backend.launcher.bound PARENT COMMAND...: becomes the command, which dies with PARENT (Linux).

A program of its own, because nothing but a system call is safe between fork and exec in a program with threads.
The kernel kills us when the *thread* that started us ends: the launcher starts its children from its main thread.
"""

import os
import sys

from backend.executors.orphans import die_with_parent

if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - a list of our own words, no shell
