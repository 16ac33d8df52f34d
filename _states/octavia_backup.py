"""
Dump Octavia's database.
"""

from salt.exceptions import CommandExecutionError


def taken(name, before_migration=False):
    """
    Ensure that there is a dump of Octavia's database.

    Everything comes from the pillar: ``octavia:database`` says where it is, ``octavia:db:backup`` where dumps go and
    how many stay. The tool for it is installed where there is none. No other dump is made while the last one of this
    schema is younger than ``octavia:db:backup:max_age``.

    name
        Any text.

    before_migration
        One from before a migration, always a new one: only where this host migrates, that is due, there are tables, and
        it did not begin yet.

    .. code-block:: yaml

        octavia_db_backup:
          octavia_backup.taken:
            - require:
              - octavia_pkg: octavia_db_backup_packages
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    test = __opts__["test"]
    try:
        plan = __salt__["octavia_backup.plan"](before_migration=before_migration, test=test, saltenv=__env__)
        if plan["faults"] and not plan["why"]:
            return {**ret, "result": False, "comment": "\n".join(plan["faults"])}
        if not plan["due"]:
            unseen = plan["why"].startswith("To be seen")
            return {**ret, "result": None if unseen else True, "comment": plan["why"]}
        new = f"revision {plan['revision']} of Octavia {plan['release']}"
        ret["changes"] = {f"dump of {plan['database']}": {"old": None, "new": new}}
        if not plan["tool"]:
            brought = __states__["octavia_pkg.installed"](name, roles=["backup"])
            if brought["result"] is False:
                return {**ret, "result": False, "changes": {}, "comment": brought["comment"]}
            ret["changes"].update(brought["changes"])
        strange = [f"{kind[:-1]} {each}" for kind in ("views", "triggers") for each in plan[kind]]
        if strange:
            ret["warnings"] = [f"Not in the dump, since not Octavia's: {', '.join(strange)}"]
        if test:
            return {**ret, "result": None, "comment": f"The database would be dumped into {plan['directory']}"}
        ret["comment"] = f"The database was dumped: {__salt__['octavia_backup.dump'](saltenv=__env__)['path']}"
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret
