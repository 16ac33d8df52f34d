"""
An image of amphorae, made on this host by diskimage-builder, of the distribution's own octavia-agent.

Debian ships Octavia's script for images without the elements that it needs, and the script makes no Debian: the element
``octavia-agent`` of the formula (``octavia/elements``) installs the package instead, so that agent and controllers are
of one release. A build sees nothing of this host's mounts, ends in time, and leaves a log.
"""

import datetime
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess

from salt.exceptions import CommandExecutionError

_KEY = "octavia:resources:image:build"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# What an image without a boot loader has beside it.
_PARTS = ("vmlinuz", "initrd")


def due(saltenv=None):
    """
    Tell whether the image is to be made: it is not there, is older than ``max_age_days``, or what goes into it has
    changed: keys of the pillar, the formula's element, the Octavia that is installed, or that will be.

    saltenv
        Environment of the file server; that of the minion by default. So in all functions here.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image_build.due
    """
    said = _said(saltenv)
    note = __salt__["octavia_file.note"](_note(said["path"]))
    if not os.path.isfile(f"{said['path']}.sha256") or note.get("inputs") != _inputs(said, saltenv):
        return True
    oldest = said.get("max_age_days")
    if not oldest:
        return False
    age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(note["built"])  # noqa: UP017
    return age > datetime.timedelta(days=oldest)


def present(name, want=None, project=None, key=None, test=None, cloud_name=None, saltenv=None):
    """
    Ensure that the image is there and up to date, with its checksum beside it in ``<path>.sha256`` and the log of its
    build in ``<path>.log``. Returns ``changes``, ``comment`` and ``id`` as ``octavia_ensure.present`` does.

    name
        Its path, as the pillar has it.

    want, project, key, cloud_name
        Not used: the cloud has no part in it.

    test
        Only tell.

    Raises CommandExecutionError, in one line, when the build fails, takes too long, or another one goes on.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image_build.present /var/lib/octavia-image/amphora.qcow2 test=True
    """
    test = __opts__["test"] if test is None else test
    said = _said(saltenv)
    label = f"image build {said['path']}"
    if not due(saltenv):
        return {"changes": {}, "comment": f"{label} is as it should be", "id": None}
    before = __salt__["octavia_file.note"](_note(said["path"])).get("built")
    new = {name: said[name] for name in ("elements", "packages", "release", "size") if said.get(name)}
    changes = {label: {"old": {"built": before} if before else None, "new": new}}
    if not test:
        _build(said, saltenv)
    return {"changes": changes, "comment": f"{label} {'would be made' if test else 'made'}", "id": None}


def absent(name, want=None, kind=None, project=None, marked=True, test=None, cloud_name=None, saltenv=None):
    """
    Ensure that an image that was made here is not on this host any more; one that is no work of ours stays. Returns the
    same as ``present``.

    name
        Its path.

    test
        Only tell.

    want, kind, project, marked, cloud_name
        Not used.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image_build.absent /var/lib/octavia-image/amphora.qcow2 test=True
    """
    test = __opts__["test"] if test is None else test
    label = f"image build {name}"
    if not os.path.isfile(_note(name)):
        return {"changes": {}, "comment": f"{label} is not there", "id": None}
    changes = {label: {"old": {"built": __salt__["octavia_file.note"](_note(name)).get("built")}, "new": None}}
    if not test:
        ends = ("", ".sha256", ".log", ".lock")
        # the note goes last: what is left of the others is known by it
        for path in (*(f"{target}{end}" for target in _targets(name) for end in ends), _note(name)):
            if os.path.exists(path):
                os.unlink(path)
    return {"changes": changes, "comment": f"{label} {'would be removed' if test else 'removed'}", "id": None}


def _targets(path):
    """Where the image is put, and what comes with it, as ``{path: name in the build}``."""
    stem = os.path.splitext(path)[0]
    return {path: "amphora.qcow2", **{f"{stem}.{part}": f"amphora.{part}" for part in _PARTS}}


def _said(saltenv):
    value, prefix = __salt__["octavia_pillar.values"](saltenv), "resources:image:build:"
    said = {name.removeprefix(prefix): each for name, each in value.items() if name.startswith(prefix)}
    said.setdefault("release", __grains__.get("oscodename"))
    said["architecture"] = value["resources:image:hw_architecture"]
    return said


def _note(path):
    return f"{path}.json"


def _inputs(said, saltenv):
    """A digest of what the image is made of; a text in the environment may be a secret."""
    names = ("elements", "packages", "release", "size", "environment", "architecture")
    parts = {name: said.get(name) for name in names}
    # of a host that gets its Octavia after the image the one it will get, or the next run would make another image
    parts["octavia"] = __salt__["octavia_release.installed"](saltenv) or __salt__["octavia_release.offered"](saltenv)
    parts["element"] = {path: digest for path, (_, digest) in _element(saltenv).items()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _element(saltenv):
    """The files of the formula's elements, as ``{path below elements: (path here, digest)}``."""
    found = {}
    for path in __salt__["cp.cache_dir"]("salt://octavia/elements", saltenv or __opts__.get("saltenv") or "base"):
        inner = path.rpartition("/octavia/elements/")[2]
        with open(path, "rb") as stream:
            found[inner] = (path, hashlib.sha256(stream.read()).hexdigest())
    if not found:
        raise CommandExecutionError("salt://octavia/elements is not on the file server")
    return found


def _build(said, saltenv):
    path = said["path"]
    if said["architecture"] not in _ARCHITECTURES:
        raise CommandExecutionError(
            f"octavia:resources:image:hw_architecture: an image can be made for {' and '.join(_ARCHITECTURES)}"
        )
    if not shutil.which("disk-image-create"):
        raise CommandExecutionError(f"{_KEY}: disk-image-create is not there: install python3-diskimage-builder")
    try:
        # sudo complains of it in the midst of what diskimage-builder reads
        socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        raise CommandExecutionError(
            f"{_KEY}: the name of this host, {socket.gethostname()}, has no address here: put it into /etc/hosts"
        ) from None
    work = f"{path}.work"
    os.makedirs(work, mode=0o700, exist_ok=True)
    with open(f"{path}.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CommandExecutionError(f"{_KEY}: {path} is being made by another process") from None
        try:
            _run(said, work, lock, saltenv)
            _take(said, work, saltenv)
        finally:
            _tidy(work)


def _run(said, work, lock, saltenv):
    """Have diskimage-builder make the image in a directory of its own."""
    for inner, (path, _) in _element(saltenv).items():
        target = f"{work}/elements/{inner}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(path, target)
        if ".d/" in inner:
            os.chmod(target, 0o700)
    # no part of it outlives the others, nor sees mounts of this host change
    alone = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command = [
        *("timeout", "--kill-after=30", str(said["timeout"])),
        *alone,
        *("disk-image-create", "-a", _ARCHITECTURES[said["architecture"]], "-o", f"{work}/amphora", "-t", "qcow2"),
        *("--image-size", str(said["size"]), "--image-cache", f"{work}/cache", "--no-tmpfs"),
        *(("-p", ",".join(said["packages"])) if said.get("packages") else ()),
        *said["elements"],
    ]
    log = f"{said['path']}.log"
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=work,
            env=_environment(said, work), start_new_session=True, check=False, pass_fds=[lock.fileno()],
        )  # fmt: skip
    if ended.returncode in (124, 137):
        raise CommandExecutionError(f"{_KEY}:timeout: the image is not made within {said['timeout']} s: see {log}")
    if ended.returncode:
        raise CommandExecutionError(f"{_KEY}: disk-image-create ended with {ended.returncode}{_why(log)}: see {log}")


def _environment(said, work):
    sources, mirror = _sources(said["release"])
    own = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": work,
        "TMPDIR": work,
        "DIB_RELEASE": str(said["release"]),
        # the only place where Octavia puts what an amphora is to know
        "DIB_CLOUD_INIT_DATASOURCES": "ConfigDrive",
    }
    if sources:
        own.update(DIB_APT_SOURCES_CONF=sources, DIB_DISTRIBUTION_MIRROR=mirror)
    own.update({name: str(value) for name, value in (said.get("environment") or {}).items()})
    own["ELEMENTS_PATH"] = ":".join(each for each in (f"{work}/elements", own.get("ELEMENTS_PATH")) if each)
    return own


def _sources(release):
    """The package sources of this host, as diskimage-builder wants them, if they are of the release of the image."""
    answer = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    targets = dict.fromkeys(tuple(line.split()) for line in answer.stdout.splitlines() if len(line.split()) == 3)
    mirror = next((uri for uri, suite, component in targets if (suite, component) == (release, "main")), None)
    if not mirror:
        return None, None
    lines = [
        f"{suite}-{component}-{number}:deb {uri} {suite} {component}"
        for number, (uri, suite, component) in enumerate(targets)
    ]
    return "\n".join(lines), mirror


def _why(log):
    """The last line of a log that tells of an error, in one piece."""
    with open(log, encoding="utf-8", errors="replace") as stream:
        lines = [line.rpartition(" | ")[2].strip() for line in stream if "E:" in line or "rror" in line]
    return f": {lines[-1][:200]}" if lines else ""


def _take(said, work, saltenv):
    """Put what was made in its place; the note, by which it is known, last."""
    path = said["path"]
    made = {target: f"{work}/{name}" for target, name in _targets(path).items()}
    if not os.path.isfile(made[path]):
        raise CommandExecutionError(f"{_KEY}: disk-image-create made no image: see {path}.log")
    for old in (_note(path), *(f"{target}.sha256" for target in made)):
        if os.path.exists(old):
            os.unlink(old)
    for target, source in made.items():
        if os.path.isfile(source):
            digest = __salt__["octavia_image.digests"](source)["sha256"]
            os.replace(source, target)
            line = f"{digest}  {os.path.basename(target)}\n"
            __salt__["octavia_file.write"](f"{target}.sha256", line, "root", "root", "0644")
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")  # noqa: UP017 Salt 3006
    __salt__["octavia_file.keep"](_note(path), {"inputs": _inputs(said, saltenv), "built": now})


def _tidy(work):
    """Give loop devices back that were not, and remove the directory."""
    for device in os.listdir("/sys/block"):
        try:
            with open(f"/sys/block/{device}/loop/backing_file", encoding="utf-8") as stream:
                backing = stream.read()
        except OSError:
            continue
        if f"{work}/" in backing:
            subprocess.run(["losetup", "--detach", f"/dev/{device}"], check=False, capture_output=True)
    shutil.rmtree(work, ignore_errors=True)
