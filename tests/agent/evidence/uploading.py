"""A program that uploads a folder of evidence until it is killed: ``python -m tests.agent.evidence.uploading FOLDER URL``."""

from __future__ import annotations

import random
import sys
import threading
from pathlib import Path

from agent.evidence.store import EvidenceStore
from agent.evidence.transfer import place_for
from agent.evidence.uploader import Uploader

if __name__ == "__main__":
    folder, url = sys.argv[1:]
    Uploader(EvidenceStore(Path(folder), 10**8), place_for(url, "my%20site/s1"), None, random.Random(1)).start()  # noqa: S311
    threading.Event().wait(60)
