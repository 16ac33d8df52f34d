"""
Read and write files that hold secrets.
"""

import grp
import json
import os
import pwd
import tempfile

import jinja2
from salt.exceptions import CommandExecutionError


def _ids(user, group):
    try:
        return pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError as exc:
        raise CommandExecutionError(f"{exc.args[0]}: are the packages of Octavia installed?") from exc


def read(path):
    """
    Return the text of a file, None where there is none. Somebody may have written it in another encoding.

    path
        The file.

    CLI Example:

    .. code-block:: bash

        salt-call --out=quiet octavia_file.read /etc/octavia/policy.yaml
    """
    if not os.path.isfile(path):
        return None
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def fill(name, facts, saltenv=None):
    """
    Return the text of a template of the formula, filled in.

    name
        Its name below ``octavia/files``.

    facts
        Its variables, as a dict; one that is missing is an error.

    Raises CommandExecutionError when the template is missing.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_file.fill interface-others.network.jinja '{name: o-hm0}'
    """
    url, saltenv = f"salt://octavia/files/{name}", saltenv or __opts__.get("saltenv") or "base"
    path = __salt__["cp.cache_file"](url, saltenv)
    if not path:
        raise CommandExecutionError(f"{url} is not on the file server (saltenv {saltenv})")
    # files of a host, and no pages of a browser
    settings = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
    return settings.from_string(read(path)).render(facts)


def note(path):
    """
    Return what a run has noted for later ones, as a dict: empty where there is no note, and where somebody else has
    written what is none.

    path
        The file.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_file.note /var/lib/salt-formula-octavia/gate.json
    """
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def keep(path, found):
    """
    Write a note for later runs, which root alone reads, and its directory where there is none.

    path, found
        The file; a dict of what JSON knows.

    Raises CommandExecutionError when it cannot be written.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_file.keep /var/lib/salt-formula-octavia/example.json '{seen: nothing}'
    """
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    except OSError as exc:
        raise CommandExecutionError(f"{exc.filename}: {exc.strerror}") from exc
    write(path, json.dumps(found), "root", "root", "0600")


def ownership(path, user, group, mode):
    """
    Return how owner, group and mode of a file differ from the wanted ones, as ``{thing: {old, new}}``.

    path, user, group, mode
        The file; names of user and group; mode as text (``"0640"``).

    Raises CommandExecutionError when the file, the user or the group does not exist.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_file.ownership /etc/octavia/octavia.conf root octavia 0640
    """
    uid, gid = _ids(user, group)
    try:
        stat = os.stat(path)
    except OSError as exc:
        raise CommandExecutionError(f"{path}: {exc.strerror}") from exc
    have = {"user": stat.st_uid, "group": stat.st_gid, "mode": f"{stat.st_mode & 0o7777:04o}"}
    want = {"user": uid, "group": gid, "mode": f"{int(str(mode), 8):04o}"}
    return {thing: {"old": have[thing], "new": want[thing]} for thing in want if have[thing] != want[thing]}


def write(path, text, user, group, mode):
    """
    Write a file whole or not at all, readable by nobody but its owner and group at any moment.

    path, text, user, group, mode
        The file and what it will hold; names of user and group; mode as text (``"0640"``).

    Raises CommandExecutionError when it cannot be written; the old file stays as it was.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_file.write /etc/octavia/note.txt "a note" root octavia 0640
    """
    write_all({path: {"text": text, "user": user, "group": group, "mode": mode}})


def write_all(files):
    """
    Write files that belong together: all of them are on the disk before the first one takes its place.

    files
        ``{path: {text, user, group, mode}}``, in the order in which they take their places; see ``write``.

    Raises CommandExecutionError when one of them cannot be written; all old files stay as they were.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_file.write_all '{/etc/octavia/note: {text: a note, user: root, group: root, mode: "0640"}}'
    """
    drafts = {}
    try:
        for path, file in files.items():
            uid, gid = _ids(file["user"], file["group"])
            handle, drafts[path] = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path))
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(file["text"])
                stream.flush()
                os.fchown(stream.fileno(), uid, gid)
                os.fchmod(stream.fileno(), int(str(file["mode"]), 8))
                os.fsync(stream.fileno())
        for path in files:
            os.replace(drafts[path], path)
            del drafts[path]
    except OSError as exc:
        raise CommandExecutionError(f"{path}: cannot be written: {exc.strerror}") from exc
    finally:
        # also when the run is interrupted: they may hold secrets
        for draft in drafts.values():
            os.unlink(draft)
