"""
Keep Octavia's database there, and its schema at the installed release.
"""

from salt.exceptions import CommandExecutionError


def present(name):
    """
    Ensure that Octavia's database, its user at each of its hosts and the user's rights on the database exist.

    Everything comes from the pillar: ``octavia:database`` says what is wanted, ``octavia:db:admin`` who may
    make it. The character set of an existing database is never changed, and rights on other databases are
    left alone.

    name
        Any text.

    .. code-block:: yaml

        octavia_db_create:
          octavia_db.present:
            - require:
              - octavia_pkg: octavia_db_packages
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        found = __salt__["octavia_db.present"](test=__opts__["test"], saltenv=__env__)
    except CommandExecutionError as exc:
        if __opts__["test"] and getattr(exc, "library", None):
            ret.update(result=None, comment=f"To be seen when the packages are there: {exc}")
        else:
            ret.update(result=False, comment=str(exc))
        return ret
    ret["changes"] = found["changes"]
    if not ret["changes"]:
        comment = "Database, user and rights are as the pillar says"
    elif __opts__["test"]:
        ret["result"], comment = None, "Database, user or rights would be set"
    else:
        comment = "Database, user or rights set"
    ret["comment"] = ". ".join([comment, *found["notes"]])
    return ret


def migrated(name):
    """
    Ensure that the schema of Octavia's database is the one that the installed Octavia wants.

    While release and database are those of the last complete migration, nothing is looked at and no process
    starts. Otherwise the host with ``octavia:api:role: primary`` dumps what is there, as
    ``octavia_backup.taken`` does before a migration, and migrates; any other host only looks, and fails while
    the schema is behind. A schema of a newer Octavia is left alone.

    name
        Any text.

    .. code-block:: yaml

        octavia_db_schema:
          octavia_db.migrated:
            - require:
              - octavia_conf: octavia_conf
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The schema fits the installed Octavia"}
    test = __opts__["test"]
    try:
        if not __salt__["octavia_db.due"](saltenv=__env__):
            return ret
        found = __salt__["octavia_db.schema"](test=test, saltenv=__env__)
        if found["current"] == found["head"]:
            if not test:
                __salt__["octavia_db.confirm"](saltenv=__env__)
            return ret

        if found["ahead"]:
            line = f"The database schema is at {found['current']}, that of a newer Octavia than the one here"
            return {**ret, "result": False, "comment": f"{line}: upgrade this host"}
        if not __salt__["octavia_db.is_primary"](saltenv=__env__):
            return _behind(ret, found)

        ret["changes"] = {"database schema": {"old": found["current"], "new": found["head"]}}
        comments = []
        if not found["empty"]:
            dump = __states__["octavia_backup.taken"](name, before_migration=True)
            if dump["result"] is False:
                return {**ret, "result": False, "changes": {}, "comment": dump["comment"]}
            ret["changes"].update(dump["changes"])
            comments.append(dump["comment"])
        if test:
            ret.update(result=None, comment=". ".join(["The schema would be migrated", *comments]))
            return ret

        __salt__["octavia_db.upgrade"](saltenv=__env__)
        ret["comment"] = ". ".join(["The schema was migrated", *comments])
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def _behind(ret, found):
    if found["head"] == "head":
        ret.update(result=None, comment="The schema will be looked at when Octavia is installed")
        return ret
    ret["result"] = False
    ret["comment"] = (
        f"The database schema is at {found['current'] or 'no revision'}, Octavia here wants {found['head']}:"
        " apply octavia.db.offline_sync on the host that has octavia:api:role primary first"
    )
    return ret
