"""Which functions of well-known libraries wait where they are called, so that an event loop stands still meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

_THREAD = "`await asyncio.to_thread(…)`"


class Wait(NamedTuple):
    """One way of waiting."""

    way_out: str
    fine_at_start: bool = False  # short, and usual before the first call: opening a database, reading a settings file


_SLEEP = Wait("write `await asyncio.sleep(…)`")
_HTTP = Wait(f"use an async client (httpx.AsyncClient), or {_THREAD}")
_PROCESS = Wait(f"use `await asyncio.create_subprocess_exec(…)`, or {_THREAD}")
_DATABASE = Wait(f"use an async driver, or {_THREAD}")
_CONNECT = Wait(_DATABASE.way_out, fine_at_start=True)
_SOCKET = Wait("use `asyncio.open_connection(…)` or the loop's own `sock_…` methods")
_NAME = Wait("use `await asyncio.get_running_loop().getaddrinfo(…)`")
_FILE = Wait(f"read it in a thread: {_THREAD}", fine_at_start=True)
_THREADS = Wait(f"await it instead: `asyncio.wrap_future(…)`, or {_THREAD}")
_OTHER = Wait(f"use {_THREAD}")

_VERBS = "get post put patch delete head options request"
_DBAPI = "execute executemany executescript callproc commit rollback fetchone fetchmany fetchall"
_MONGO = "find_one insert_one insert_many update_one update_many replace_one delete_one delete_many aggregate"
_MONGO += " count_documents estimated_document_count distinct command find_one_and_update bulk_write"

# Functions, module by module.
_FUNCTIONS: tuple[tuple[str, str, Wait], ...] = (
    ("time", "sleep", _SLEEP),
    ("requests", _VERBS, _HTTP),
    ("httpx", f"{_VERBS} stream", _HTTP),
    ("urllib.request", "urlopen urlretrieve", _HTTP),
    ("urllib3", "request", _HTTP),
    ("subprocess", "run call check_call check_output getoutput getstatusoutput", _PROCESS),
    ("os", "system popen wait waitpid", _PROCESS),
    ("socket", "create_connection", _SOCKET),
    ("socket", "getaddrinfo gethostbyname gethostbyaddr getnameinfo", _NAME),
    ("sqlite3", "connect", _CONNECT),
    ("psycopg2", "connect", _CONNECT),
    ("psycopg", "connect", _CONNECT),
    ("pymysql", "connect", _CONNECT),
    ("MySQLdb", "connect", _CONNECT),
    ("mysql.connector", "connect", _CONNECT),
    ("pyodbc", "connect", _CONNECT),
    ("oracledb", "connect", _CONNECT),
    ("smtplib", "SMTP SMTP_SSL", _OTHER),
    ("ftplib", "FTP FTP_TLS", _OTHER),
    ("concurrent.futures", "wait", _THREADS),
    ("select", "select", _OTHER),
    ("builtins", "input", _OTHER),
)
# Methods of what such a function or class makes; "*": all but those of the second list.
_METHODS: tuple[tuple[str, str, Wait], ...] = (
    ("requests.Session requests.session", f"{_VERBS} send", _HTTP),
    ("httpx.Client", f"{_VERBS} send stream", _HTTP),
    ("urllib3.PoolManager", "request urlopen", _HTTP),
    ("sqlite3.connect", f"{_DBAPI} backup", _DATABASE),
    ("psycopg2.connect psycopg.connect pymysql.connect MySQLdb.connect", _DBAPI, _DATABASE),
    ("mysql.connector.connect pyodbc.connect oracledb.connect", _DBAPI, _DATABASE),
    ("redis.Redis redis.StrictRedis redis.from_url redis.Redis.from_url", "*", _DATABASE),
    ("pymongo.MongoClient pymongo.mongo_client.MongoClient", _MONGO, _DATABASE),
    ("boto3.client", "*", _HTTP),
    ("socket.socket", "accept connect recv recvfrom recv_into sendall", _SOCKET),
    ("smtplib.SMTP smtplib.SMTP_SSL", "sendmail send_message login starttls quit", _OTHER),
    ("subprocess.Popen", "wait communicate", _PROCESS),
    ("threading.Thread", "join", _OTHER),
    ("threading.Event threading.Condition", "wait wait_for", _OTHER),
    ("concurrent.futures.ThreadPoolExecutor concurrent.futures.ProcessPoolExecutor", "result", _THREADS),
    ("builtins.open", "read readlines", _FILE),
    ("pathlib.Path", "read_text read_bytes", _FILE),
)
_HARMLESS = frozenset({"pipeline", "register_script", "lock", "exceptions", "meta", "generate_presigned_url", "close"})

WAITING: Mapping[str, Wait] = MappingProxyType(
    {f"{module}.{name}": wait for module, names, wait in _FUNCTIONS for name in names.split()}
)
_MAKERS: Mapping[str, tuple[frozenset[str], Wait]] = MappingProxyType(
    {maker: (frozenset(methods.split()), wait) for makers, methods, wait in _METHODS for maker in makers.split()}
)


def wait_of(name: str) -> Wait | None:
    """How a call of a function waits, given by its full name: ``time.sleep``, ``sqlite3.connect().execute``."""
    if name in WAITING:
        return WAITING[name]
    maker, made, rest = name.partition("().")
    methods, wait = _MAKERS.get(maker, (frozenset(), _OTHER))
    method = rest.rpartition(".")[2]
    waits = method in methods or ("*" in methods and method not in _HARMLESS)
    return wait if made and waits else None
