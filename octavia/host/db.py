"""
MariaDB and MySQL, by PyMySQL: Octavia's database, its user and grants, and how far its schema is.

``server`` and ``admin`` say where to log in and as whom: ``host`` and ``port``, or ``socket``; ``user``,
``password``; ``ssl`` with ``enabled``, ``ca``, ``cert``, ``key``; for ``server`` also ``name``, the database.
"""

import hashlib
import os
from contextlib import closing

import pymysql

HIDDEN = "(hidden)"

NO_ACCESS_TO_DATABASE, ACCESS_DENIED, UNKNOWN_DATABASE, SYNTAX_ERROR, NO_SUCH_ACCOUNT = 1044, 1045, 1049, 1064, 1698

# What Octavia's users fill by way of the API, and the key. The other tables hold constants of the migrations,
# and some of these a row with an id of zeros, which stands for what was deleted.
USER_TABLES = {
    "load_balancer": "id",
    "amphora": "id",
    "flavor": "id",
    "flavor_profile": "id",
    "availability_zone": "id",
    "availability_zone_profile": "id",
    "quotas": "project_id",
}
NOBODY = "00000000-0000-0000-0000-000000000000"


class DatabaseError(Exception):
    """Something that PyMySQL does not say, or says with a secret in it."""


def ping(server):
    """Log in to the database as Octavia does, and return the server's version."""
    with _connect(server, server["name"]) as connection:
        return _rows(connection, "SELECT VERSION()")[0][0]


def present(admin, database, charset, collation, user, password, hosts, test=False):
    """
    Create the database, its user at each host, and the user's rights on this database, where they are missing
    or other.

    test
        Change nothing.

    Returns ``changes``, ``{thing: {old, new}}``, and ``notes``, sentences about what differs and is left
    alone.
    """
    with _connect(admin) as connection:
        steps, notes = [], []
        text = connection.escape
        wanted, found = f"{charset}, {collation}", _charset(connection, database)
        if found is None:
            sql = f"CREATE DATABASE {_name(database)} CHARACTER SET {text(charset)} COLLATE {text(collation)}"
            steps.append((f"database {database}", None, wanted, sql))
        elif found != wanted:
            # Tables of two character sets cannot refer to each other: the next migration would fail.
            notes.append(f"Database {database} has {found}, not {wanted}, and keeps it")
        for host in hosts:
            account, label = f"{text(user)}@{text(host)}", f"{user}@{host}"
            login = f"{account} IDENTIFIED BY {text(password)}"
            stored = _rows(
                connection,
                "SELECT plugin, authentication_string FROM mysql.user"
                f" WHERE User = {text(user)} AND Host = {text(host)}",
            )
            if not stored:
                steps.append((f"user {label}", None, "present", f"CREATE USER {login}"))
            elif not _password_is(password, *stored[0], lambda to=label: _logs_in(to, admin, user, password)):
                steps.append((f"password of {label}", HIDDEN, HIDDEN, f"ALTER USER {login}"))
            rights = _rights(connection, user, host, database)
            if rights != "ALL":
                sql = f"GRANT ALL PRIVILEGES ON {_name(_pattern(database))}.* TO {account}"
                steps.append((f"rights of {label} on {database}", rights, "ALL", sql))
        if not test:
            for *_, sql in steps:
                _rows(connection, sql)
    return {"changes": {thing: {"old": old, "new": new} for thing, old, new, _ in steps}, "notes": notes}


def head():
    """Return the revision of the schema that the installed Octavia wants."""
    return _migrations().get_current_head()


def _migrations():
    import octavia.db.migration
    from alembic.script import ScriptDirectory

    package = next(iter(octavia.db.migration.__path__))
    return ScriptDirectory(os.path.join(package, "alembic_migrations"))  # noqa: PTH118


def schema(server, may_be_missing=False):
    """
    Compare the schema with the one that the installed Octavia wants.

    may_be_missing
        A database or user that does not exist counts as an empty database.

    Returns ``current`` and ``head``, revisions; ``empty``, the database has no table at all; and ``ahead``, the
    installed Octavia does not know its revision, which is that of a newer one.
    """
    migrations = _migrations()
    wanted = migrations.get_current_head()
    try:
        with _connect(server, server["name"]) as connection:
            tables = _tables(connection)
            current = _revision(connection, tables)
            ahead = current is not None and current not in {each.revision for each in migrations.walk_revisions()}
            return {"current": current, "head": wanted, "empty": not tables, "ahead": ahead}
    except pymysql.MySQLError as exc:
        if may_be_missing and exc.args[0] in (
            NO_ACCESS_TO_DATABASE,
            ACCESS_DENIED,
            UNKNOWN_DATABASE,
            NO_SUCH_ACCOUNT,
        ):
            return {"current": None, "head": wanted, "empty": True, "ahead": False}
        raise


def contents(server):
    """
    Look at the database, without Octavia's help.

    Returns ``current``, its revision or None; ``bytes`` of its data by the server's own estimate; ``users``, the hosts
    of connections to it beside this one, as far as the account may see them: its own; and names: ``tables``, and
    ``views`` and ``triggers``, which somebody else has put there.
    """
    with _connect(server, server["name"]) as connection:
        tables = _tables(connection)
        size = _rows(
            connection,
            "SELECT COALESCE(SUM(DATA_LENGTH), 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()",
        )
        users = _rows(
            connection,
            "SELECT DISTINCT HOST FROM information_schema.PROCESSLIST"
            " WHERE DB = DATABASE() AND ID <> CONNECTION_ID() AND HOST <> ''",
        )
        kinds = ("TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA",)
        kinds += ("TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA",)
        views, triggers = ([row[0] for row in _rows(connection, f"SELECT {kind} = DATABASE()")] for kind in kinds)
        return {
            "current": _revision(connection, tables),
            "bytes": int(size[0][0]),
            "tables": sorted(set(tables) - set(views)),
            "views": sorted(views),
            "triggers": sorted(triggers),
            # address:port of a client
            "users": sorted({row[0].rpartition(":")[0] or row[0] for row in users}),
        }


def clear(server):
    """
    Drop all tables of a schema that a killed first migration left half made, if nobody has put anything into
    it.

    MySQL commits each table by itself, so a migration that was killed between a table and the note of its
    revision cannot go on: it would make the table again.
    """
    with _connect(server, server["name"]) as connection:
        tables = _tables(connection)
        for table, key in USER_TABLES.items():
            theirs = f"SELECT 1 FROM {table} WHERE {key} <> '{NOBODY}' LIMIT 1"
            if table in tables and _rows(connection, theirs):
                raise DatabaseError(
                    f"the first migration of database {server['name']} did not finish, but its table {table}"
                    " has rows: restore the database or empty it, then apply again"
                )
        _rows(connection, "SET FOREIGN_KEY_CHECKS = 0")
        for table in tables:
            _rows(connection, f"DROP TABLE {_name(table)}")


def refresh_heartbeats(server):
    """Set the last heartbeat of all amphorae to now. Octavia's times are UTC."""
    with _connect(server, server["name"]) as connection:
        _rows(connection, "UPDATE amphora_health SET last_update = UTC_TIMESTAMP()")


def heartbeats(server):
    """
    Return the amphorae that serve a load balancer or shall do so, with their last heartbeats, as a list of dicts:
    ``id``, ``loadbalancer_id``, ``lb_network_ip``, ``status``; ``made`` and ``heard``, seconds ago by the server's
    clock (``heard`` is None for one that was never heard of); and ``busy``: a health manager has its failover in hand.
    """
    with _connect(server, server["name"]) as connection:
        return list(
            _rows(
                connection,
                "SELECT a.id, a.load_balancer_id AS loadbalancer_id, a.lb_network_ip, a.status,"
                " TIMESTAMPDIFF(SECOND, a.created_at, UTC_TIMESTAMP()) AS made,"
                " TIMESTAMPDIFF(SECOND, h.last_update, UTC_TIMESTAMP()) AS heard, COALESCE(h.busy, 0) AS busy"
                " FROM amphora a LEFT JOIN amphora_health h ON h.amphora_id = a.id"
                " WHERE a.load_balancer_id IS NOT NULL AND a.status NOT IN ('DELETED', 'PENDING_DELETE') ORDER BY a.id",
                pymysql.cursors.DictCursor,
            )
        )


def unsettled(server):
    """
    Return the load balancers that a worker has in hand, or that are broken, as a list of dicts: ``id``, ``name``,
    ``status`` (``PENDING_...`` or ``ERROR``), and ``seconds`` since it changed last, by the server's clock.
    """
    with _connect(server, server["name"]) as connection:
        return list(
            _rows(
                connection,
                "SELECT id, name, provisioning_status AS status,"
                " TIMESTAMPDIFF(SECOND, COALESCE(updated_at, created_at), UTC_TIMESTAMP()) AS seconds"
                " FROM load_balancer WHERE provisioning_status LIKE 'PENDING%' OR provisioning_status = 'ERROR'"
                " ORDER BY provisioning_status DESC, id",
                pymysql.cursors.DictCursor,
            )
        )


def _connect(server, database=None):
    """A connection that a ``with`` closes, which PyMySQL's own does not in all versions."""
    options = {"user": server["user"], "password": server.get("password") or "", "database": database}
    ssl = server.get("ssl") or {}
    if server.get("socket"):
        options["unix_socket"] = server["socket"]
    else:
        options.update(host=server["host"], port=int(server["port"]))
        if ssl.get("enabled"):
            # As SQLAlchemy reads them from the URL in octavia.conf: with a CA, certificate and host name are
            # verified.
            files = {name: ssl[name] for name in ("ca", "cert", "key") if ssl.get(name)}
            for name, path in files.items():
                if not os.access(path, os.R_OK):
                    raise DatabaseError(f"there is no readable file {path} (ssl:{name})")
            options["ssl"] = {"ca": None, **files}
    return closing(pymysql.connect(autocommit=True, charset="utf8mb4", connect_timeout=10, **options))


def _rows(connection, sql, cursor=None):
    with connection.cursor(cursor) as result:
        try:
            result.execute(sql)
        except pymysql.MySQLError as exc:
            if exc.args[0] != SYNTAX_ERROR:
                raise
            # The server's message quotes the statement, a password included.
            verb = " ".join(sql.split()[:2])
            raise DatabaseError(f"the server does not understand our {verb} statement") from None
        return result.fetchall()


def _tables(connection):
    return [row[0] for row in _rows(connection, "SHOW TABLES")]


def _revision(connection, tables):
    if "alembic_version" not in tables:
        return None
    return next((row[0] for row in _rows(connection, "SELECT version_num FROM alembic_version")), None)


def _name(name):
    return "`" + name.replace("`", "``") + "`"


def _pattern(name):
    """A database name as GRANT takes it: there ``_`` and ``%`` are wildcards."""
    for wildcard in "\\_%":
        name = name.replace(wildcard, "\\" + wildcard)
    return name


def _charset(connection, database):
    """Default character set and collation of a database, or None when there is no such database."""
    try:
        connection.select_db(database)
    except pymysql.MySQLError as exc:
        if exc.args[0] == UNKNOWN_DATABASE:
            return None
        raise
    return ", ".join(_rows(connection, "SELECT @@character_set_database, @@collation_database")[0])


def _rights(connection, user, host, database):
    """``ALL``, or what of it there is, or None. A grant by hand may have the name unescaped."""
    text = connection.escape
    grants = _rows(
        connection,
        f"SELECT * FROM mysql.db WHERE User = {text(user)} AND Host = {text(host)}"
        f" AND Db IN ({text(database)}, {text(_pattern(database))})",
        pymysql.cursors.DictCursor,
    )
    columns = [name for name in next(iter(grants), ()) if name.endswith("_priv") and name != "Grant_priv"]
    granted = [name[: -len("_priv")] for name in columns if any(grant[name] == "Y" for grant in grants)]
    return "ALL" if granted and len(granted) == len(columns) else ", ".join(granted) or None


def _password_is(password, plugin, stored, logs_in):
    """
    Whether an account has this password. The stored hash tells, where its kind is known: a login may end at
    another account, such as the anonymous user of localhost.
    """
    secret = password.encode()
    if plugin == "mysql_native_password":
        return stored == "*" + hashlib.sha1(hashlib.sha1(secret).digest()).hexdigest().upper()  # noqa: S324
    if plugin == "caching_sha2_password" and stored.startswith("$A$"):
        rounds, salt, digest = int(stored[3:6], 16) * 1000, stored[7:27].encode(), stored[27:]
        return digest == _sha256_crypt(secret, salt, rounds)
    return logs_in()


def _logs_in(account, server, user, password):
    try:
        with _connect({**server, "user": user, "password": password}) as connection:
            return _rows(connection, "SELECT CURRENT_USER()")[0][0] == account
    except (pymysql.MySQLError, RuntimeError):  # the latter when PyMySQL lacks a library for this plugin
        return False


def _sha256_crypt(secret, salt, rounds):
    """The hash of crypt(3)'s ``$5$``, with the long salt of MySQL, which crypt(3) itself would cut."""

    def sha256(*parts):
        return hashlib.sha256(b"".join(parts)).digest()

    def stretched(digest, length):
        return (digest * (length // len(digest) + 1))[:length]

    inner = sha256(secret, salt, secret)
    mix = stretched(inner, len(secret))
    bits, length = [], len(secret)
    while length:
        bits.append(inner if length & 1 else secret)
        length >>= 1
    state = sha256(secret, salt, mix, *bits)
    key = stretched(sha256(secret * len(secret)), len(secret))
    spice = stretched(sha256(salt * (16 + state[0])), len(salt))
    for turn in range(rounds):
        state = sha256(
            key if turn % 2 else state,
            spice if turn % 3 else b"",
            key if turn % 7 else b"",
            state if turn % 2 else key,
        )
    # Three bytes make four letters, in an order of crypt's own; two bytes are left for the last three
    # letters.
    letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    order = [(0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14)]
    order += [(15, 25, 5), (6, 16, 26), (27, 7, 17), (18, 28, 8), (9, 19, 29)]
    groups = [(state[a] << 16 | state[b] << 8 | state[c], 4) for a, b, c in order]
    groups.append((state[31] << 8 | state[30], 3))
    return "".join(letters[value >> 6 * place & 63] for value, count in groups for place in range(count))
