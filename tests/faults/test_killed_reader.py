"""A reader of the online store that was killed in the middle of a read does not keep old pages for ever."""

import subprocess
import sys

from kreis.preparation.online.lmdb_store import LmdbStore

READS = """
import sys, lmdb
transaction = lmdb.open(sys.argv[1], readonly=True, max_readers=1024).begin()
print(flush=True)
sys.stdin.read()
"""


def test_a_writer_forgets_killed_readers_and_no_other(tmp_path):
    LmdbStore(tmp_path).close()
    command = [sys.executable, "-c", READS, str(tmp_path)]
    lives, dies = (subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2))
    with lives, dies:
        for each in (lives, dies):
            each.stdout.readline()
        dies.kill()
        dies.wait()
        store = LmdbStore(tmp_path)
        readers = store._env.readers()
        store.close()
        lives.stdin.close()
    assert (str(lives.pid) in readers, str(dies.pid) in readers) == (True, False), readers
