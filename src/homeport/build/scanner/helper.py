"""``python -m homeport.build.scanner.helper``: reads the source files it is told of, for a scan in another process."""

from __future__ import annotations

import gc
import sys

import msgspec

from homeport.build.scanner.cachefile import encode
from homeport.build.scanner.parallel import Share
from homeport.build.scanner.reading import read_source
from homeport.build.scanner.store import FileReading, read_facts, reading_of


def main() -> None:
    gc.disable()  # syntax trees are many objects without cycles
    share = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Share)
    done: list[FileReading] = []
    for path in share.paths:
        try:
            text = read_source(f"{share.root}/{path}")
        except OSError:
            continue  # who asked will see for itself
        facts = read_facts(text.content, path)
        done.append(msgspec.structs.replace(reading_of(path, text, facts), facts=encode(facts)))
    sys.stdout.buffer.write(encode(done))


if __name__ == "__main__":
    main()
