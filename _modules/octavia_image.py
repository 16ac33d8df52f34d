"""
The image of amphorae in Glance: uploaded once, known by its checksum, and the only one that has Octavia's tag.

An image is uploaded without the tag, compared with the checksum of what was to be uploaded, and gets the tag then; the
ones before it lose theirs and stay for a while. So Octavia never finds two images or half of one, whenever a run ends.
"""

import hashlib
import os
import time
from urllib.parse import urlsplit

from salt.exceptions import CommandExecutionError

# A property of images of ours: the checksum of what they were made of. It is there before the first byte is sent, so
# that a run that was killed is known by it.
CHECKSUM = "octavia_checksum"

_KEY = "octavia:resources:image"
_ALGORITHMS = {32: "md5", 64: "sha256", 128: "sha512"}
_PARTS = {"kernel": "aki", "ramdisk": "ari"}
_UNFINISHED = ("queued", "saving", "uploading", "importing")

# What Glance may have reckoned of what it got.
_GLANCE = ("md5", "sha256", "sha512")

_CHUNK = 1 << 20
# Seconds: for the next piece of a download, for an upload, and for Glance to make up its mind behind one.
_SILENCE, _UPLOAD, _SETTLE = 60, 3600, 300


# --- what the pillar wants


def wanted(saltenv=None):
    """
    Return what the pillar wants of Glance, as a list of dicts for ``octavia_resources``: ``kind``, ``name``, ``want``,
    ``project``, ``key``, ``function``, which sees to it, and ``gone``, which takes it away.

    Raises CommandExecutionError, in one line, when a checksum is missing, or the flavor is too small for the image.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.wanted
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    prefix = "resources:image:"
    said = {key.removeprefix(prefix): found for key, found in value.items() if key.startswith(prefix)}
    _fits(said, value)
    properties = {name: said[name] for name in ("hw_architecture", "hw_rng_model") if said.get(name)}
    want = {
        "tag": said.get("tag") or value["manager:controller_worker:amp_image_tag"],
        "source": _source(said, ""),
        "keep": said["keep"],
        "fields": {
            **{name: said[name] for name in ("disk_format", "container_format", "visibility", "min_disk", "min_ram")},
            **properties,
            **{name: str(each) for name, each in (said.get("properties") or {}).items()},
        },
    }
    want.update({part: source for part in _PARTS if (source := _source(said, f"{part}:"))})
    entries = []
    if said.get("build:enabled"):
        want["source"] = {"build": said["build:path"]}
        entries.append(_entry("image_build", said["build:path"], {}, None, "octavia_image_build."))
    return [*entries, _entry("image", said["name"], want, value["identity:tenant"], "octavia_image.image_")]


def _entry(kind, name, want, project, functions):
    return {
        "kind": kind, "name": name, "want": want, "project": project, "key": _KEY,
        "function": f"{functions}present", "gone": f"{functions}absent",
    }  # fmt: skip


def _fits(said, value):
    """Nova refuses to boot what does not fit into the flavor; one that somebody else has made may be larger."""
    if value.get("manager:controller_worker:amp_flavor_id"):
        return
    sizes = [("min_disk", "disk", "GiB"), ("min_ram", "ram", "MiB")]
    sizes += [("build:size", "disk", "GiB")] if said.get("build:enabled") else []
    for name, field, unit in sizes:
        there = value[f"resources:compute:flavor:{field}"]
        # a disk of 0 is as large as the image
        if said[name] > there and (there or field == "ram"):
            raise CommandExecutionError(
                f"{_KEY}:{name}: is {said[name]} {unit}, more than octavia:resources:compute:flavor:{field} ({there})"
            )


def _source(said, part):
    for name in ("file", "url"):
        if said.get(part + name):
            digest = checksum(said.get(f"{part}checksum"), f"{_KEY}:{part}checksum")
            return {name: said[part + name], "checksum": digest, "key": f"{_KEY}:{part}{name}"}
    return None


# --- checksums


def checksum(text, key=_KEY):
    """
    Return a checksum with its algorithm in front: ``sha256:…``.

    text
        A checksum of MD5, SHA-256 or SHA-512, in hexadecimal, with or without the algorithm.

    key
        The pillar key that has it.

    Raises CommandExecutionError when it is none of these.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.checksum d41d8cd98f00b204e9800998ecf8427e
    """
    named, _, digits = str(text or "").strip().lower().rpartition(":")
    algorithm = _ALGORITHMS.get(len(digits))
    if not algorithm or named not in ("", algorithm) or set(digits) - set("0123456789abcdef"):
        raise CommandExecutionError(f"{key}: needs a checksum: sha256, sha512 or md5, in hexadecimal")
    return f"{algorithm}:{digits}"


def digests(path, algorithms=("sha256",)):
    """
    Return checksums of a file, as ``{algorithm: hexadecimal}``. It is read once, piece by piece.

    path, algorithms
        The file; names as Python's hashlib has them.

    Raises CommandExecutionError when the file cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.digests /srv/images/amphora.qcow2
    """
    found = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    try:
        with open(path, "rb") as stream:
            while piece := stream.read(_CHUNK):
                for each in found.values():
                    each.update(piece)
    except OSError as exc:
        raise CommandExecutionError(f"{path}: cannot be read: {exc.strerror}") from exc
    return {name: each.hexdigest() for name, each in found.items()}


def download(url, path, want, key=_KEY):
    """
    Have a file of the web at a path of this host. One that is there and has the checksum is not fetched again; another
    one takes its place when it is complete and right.

    url, path, want, key
        Address (http or https), path, checksum, and the pillar key of the address.

    Raises CommandExecutionError, in one line, when the server does not answer or the file has another checksum.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.download https://images.example.org/a /var/tmp/a md5:d41d8cd98f00b204e9800998ecf8427e
    """
    import requests

    algorithm, _, digits = checksum(want, key).partition(":")
    if os.path.isfile(path) and digests(path, [algorithm])[algorithm] == digits:
        return
    # an address may hold a password or a token
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
    found = hashlib.new(algorithm, usedforsecurity=False)
    until = time.monotonic() + _UPLOAD
    draft = f"{path}.part"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with requests.get(url, stream=True, timeout=_SILENCE) as answer, open(draft, "wb") as stream:
            if answer.status_code != 200:
                raise CommandExecutionError(f"{key}: {shown} answers with an error ({answer.status_code})")
            for piece in answer.iter_content(_CHUNK):
                if time.monotonic() > until:
                    raise CommandExecutionError(f"{key}: {shown} does not come to an end within {_UPLOAD} s")
                found.update(piece)
                stream.write(piece)
        if found.hexdigest() != digits:
            raise CommandExecutionError(f"{key}: {shown} has the checksum {algorithm}:{found.hexdigest()}")
        os.replace(draft, path)
    # unchained: their words have the whole address
    except requests.RequestException as exc:
        raise CommandExecutionError(f"{key}: {shown} cannot be fetched ({type(exc).__name__})") from None
    except OSError as exc:
        raise CommandExecutionError(f"{path}: cannot be written: {exc.strerror}") from exc
    finally:
        if os.path.exists(draft):
            os.unlink(draft)


# --- images


def image_list(project=None, cloud_name=None, saltenv=None):
    """
    Return the images of a project, as a list of dicts; all that one may see by default.

    project
        Its id.

    cloud_name
        Who asks, as ``octavia_cloud`` has it. So in all functions here.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.image_list
    """
    return __salt__["octavia_cloud.resources"]("image", cloud_name, saltenv, owner=project)


def image_get(name, project=None, cloud_name=None, saltenv=None):
    """
    Return the image of an id or a name, as a dict, ``None`` where there is none.

    project
        Id or name of the project that owns it.

    Raises CommandExecutionError when there are several of that name.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.image_get amphora
    """
    return __salt__["octavia_cloud.find"]("image", name, project, cloud_name, saltenv)


def image_create(name, fields, project=None, cloud_name=None, saltenv=None):
    """
    Make an image without content, and return it.

    name, fields
        Its name; ``disk_format``, ``container_format``, ``visibility`` and the like, and properties.

    project
        Id or name of the project that will own it.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.image_create amphora '{disk_format: qcow2, container_format: bare}'
    """
    body = {**fields, "name": name}
    return __salt__["octavia_cloud.create"]("image", body, project, cloud_name, saltenv)


def image_update(id, fields, cloud_name=None, saltenv=None):
    """
    Change fields, properties or tags of an image, and return it.

    id, fields
        Its id; a property that is None is taken away.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.image_update 2a3f0e6b-1d3c-4b0c-9e55-d7a1e8a90b11 '{min_disk: 3}'
    """
    return __salt__["octavia_cloud.update"]("image", id, fields, cloud_name, saltenv)


def image_delete(id, cloud_name=None, saltenv=None):
    """
    Take an image away. One that is not there is no error.

    id
        Its id.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.image_delete 2a3f0e6b-1d3c-4b0c-9e55-d7a1e8a90b11
    """
    __salt__["octavia_cloud.delete"]("image", id, cloud_name, saltenv)


def decide(images, want, tag, keep=1):
    """
    Return which images stay and which go. Looks at nothing but its arguments.

    images
        Those of the project, as Glance has them.

    want
        The checksum of the wanted one, with its algorithm.

    tag
        Octavia's.

    keep
        How many old ones of ours stay.

    Returns ``current``, the wanted image, or None; ``fill``, one of ours that waits for the content, or None; ``drop``,
    images of ours of which an upload did not come to its end; ``untag``, others that have the tag; ``surplus``, old
    ones of ours beyond those that are kept.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.decide '[]' md5:d41d8cd98f00b204e9800998ecf8427e amphora
    """
    newest = sorted(images, key=lambda image: str(image.get("created_at")), reverse=True)
    complete = [image for image in newest if image["status"] == "active" and _has(image, want)]
    current = next((image for image in complete if tag in image.get("tags", ())), complete[0] if complete else None)
    ours = [image for image in newest if _is_ours(image) and not _is_part(image)]
    waiting = [image for image in ours if image["status"] == "queued" and image[CHECKSUM] == want]
    fill = waiting[0] if waiting and not current else None
    stays = [image["id"] for image in (current, fill) if image]
    old = [image for image in ours if image["status"] not in _UNFINISHED and image["id"] not in stays]
    return {
        "current": current,
        "fill": fill,
        "drop": [image for image in ours if image["status"] in _UNFINISHED and image["id"] not in stays],
        "untag": [image for image in newest if tag in image.get("tags", ()) and image["id"] not in stays],
        "surplus": old[keep:],
    }


def _has(image, want):
    """Whether an image has this content: by what we noted, or by what Glance has found."""
    algorithm, _, digits = want.partition(":")
    return (
        image.get(CHECKSUM) == want
        or (image.get("os_hash_algo") == algorithm and image.get("os_hash_value") == digits)
        or (algorithm == "md5" and image.get("checksum") == digits)
    )


def _is_ours(image):
    return CHECKSUM in image


def _is_part(image):
    return image.get("container_format") in _PARTS.values()


def image_present(name, want, project=None, key=None, test=None, cloud_name=None, saltenv=None):
    """
    Ensure that an image is in Glance and that it alone has Octavia's tag. Returns the same as
    ``octavia_ensure.present``.

    name
        Of the image. Older ones may have the same: what tells them apart is the tag.

    want
        ``tag``; ``source``, a dict of ``file`` or ``url`` and ``checksum``, or of ``build``, the path of an image that
        was made here, or None for an image that somebody else takes care of; ``kernel`` and ``ramdisk``, such dicts
        too; ``fields``, those of Glance and properties; ``keep``, the number of old images that stay.

    project
        Id or name of the project that owns it.

    key, test
        As for ``octavia_ensure.present``.

    Raises CommandExecutionError, in one line, when there is no source and no image, a file is not there or has another
    checksum, or Glance has something else than what was sent.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.image_present amphora '{tag: amphora, source: null}' service test=True
    """
    test = __opts__["test"] if test is None else test
    asked = {"cloud_name": cloud_name, "saltenv": saltenv}
    owner = __salt__["octavia_cloud.find"]("project", project, **asked) if project else None
    if project and not owner and not test:
        raise CommandExecutionError(f"There is no project {project}: apply octavia.resources.identity first")
    images = image_list(owner["id"] if owner else None, **asked) if owner or not project else []
    if not want.get("source"):
        return _only_looked_at(images, want["tag"], project, key or _KEY)
    sources = _resolved(want, key or _KEY)
    if sources is None or (test and "build" in want["source"] and __salt__["octavia_image_build.due"](saltenv)):
        changes = {f"image {name}": {"old": None, "new": {"tags": [want["tag"]], **want.get("fields", {})}}}
        return {"changes": changes, "comment": f"image {name} would be uploaded once it is built", "id": None}
    run = _Run(name, owner and owner["id"], images, want, sources, test, asked)
    run.all()
    return {"changes": run.changes, "comment": run.comment(), "id": run.id}


def image_absent(name, want=None, kind=None, project=None, marked=True, test=None, cloud_name=None, saltenv=None):
    """
    Ensure that no image of ours is there, old ones, kernels and ramdisks included. Images that we have not made stay.
    Returns the same as ``octavia_ensure.present``.

    name
        For the comment.

    want, kind, marked
        Not used: images of others never go.

    project
        Id or name of the project that owns them.

    test
        As for ``octavia_ensure.present``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_image.image_absent amphora project=service test=True
    """
    test = __opts__["test"] if test is None else test
    asked = {"cloud_name": cloud_name, "saltenv": saltenv}
    owner = __salt__["octavia_cloud.find"]("project", project, **asked) if project else None
    images = image_list(owner["id"] if owner else None, **asked) if owner or not project else []
    found = [image for image in images if _is_ours(image)]
    # a kernel goes behind the image that names it
    found.sort(key=_is_part)
    changes = {}
    for image in found:
        changes[f"image {image['name']} {image['id']}"] = {"old": {"id": image["id"]}, "new": None}
        if not test:
            image_delete(image["id"], **asked)
    verb = ("would be deleted" if test else "deleted") if changes else "not there"
    return {"changes": changes, "comment": f"image {name} {verb}", "id": None}


def _only_looked_at(images, tag, project, key):
    tagged = [image for image in images if tag in image.get("tags", ()) and image["status"] == "active"]
    if len(tagged) == 1:
        return {"changes": {}, "comment": f"image {tagged[0]['name']} has the tag {tag}", "id": tagged[0]["id"]}
    if not tagged:
        raise CommandExecutionError(
            f"{key}: no image of project {project} has the tag {tag}, and nothing says where to get one: set "
            f"{key}:file or url with checksum, or {key}:build:enabled"
        )
    raise CommandExecutionError(
        f"{key}: {len(tagged)} images of project {project} have the tag {tag}, and which one is right is not said: "
        f"{', '.join(sorted(image['id'] for image in tagged))}: take the tag from all but one, or set {key}:file or url"
    )


def _resolved(want, key):
    """
    ``{part: source}`` with checksums: of the image itself under ``image``. None while what is to be built here is not
    there yet.
    """
    built = want["source"].get("build")
    if built:
        return _built(built, key)
    found = {"image": want["source"], **{part: want[part] for part in _PARTS if want.get(part)}}
    for source in found.values():
        at = source.get("key", key)
        source["checksum"] = checksum(source.get("checksum"), f"{at.rpartition(':')[0]}:checksum")
    return found


def _built(path, key):
    """What a build leaves: the image, and beside it a kernel and a ramdisk, where it has no boot loader."""
    stem = os.path.splitext(path)[0]
    found = {}
    for part, file in (("image", path), ("kernel", f"{stem}.vmlinuz"), ("ramdisk", f"{stem}.initrd")):
        try:
            with open(f"{file}.sha256", encoding="utf-8") as stream:
                digits = stream.read().split()[0]
        except (OSError, IndexError):
            continue
        found[part] = {"file": file, "checksum": checksum(digits, key), "key": f"{key}:build:path"}
    return found if "image" in found else None


class _Run:
    """One comparison of what is there with what is wanted, and what comes of it."""

    def __init__(self, name, owner, images, want, sources, test, asked):
        self.name, self.owner, self.images, self.want, self.sources = name, owner, list(images), want, sources
        self.test, self.asked = test, asked
        self.changes, self.said, self.gone, self.id = {}, [], set(), None

    def comment(self):
        if not self.changes:
            return ". ".join([f"image {self.name} is as it should be", *self.said])
        return ". ".join([f"image {self.name} {'would be' if self.test else 'was'} seen to", *self.said])

    def all(self):
        tag, fields = self.want["tag"], dict(self.want.get("fields", {}))
        self.found = decide(self.images, self.sources["image"]["checksum"], tag, self.want.get("keep", 1))
        self.have = self.found["current"]
        # the tag is the last thing that an image gets: before, nobody may have compared it with what was sent
        self.trusted = bool(self.have) and tag in self.have.get("tags", ())
        self.parts = {part: self.part(part) for part in _PARTS if part in self.sources}
        self.current({**fields, **{f"{part}_id": id for part, id in self.parts.items()}})
        self.tag()
        self.sweep()

    # -- uploads

    def part(self, part):
        """Have a kernel or a ramdisk; returns its id."""
        source, form = self.sources[part], _PARTS[part]
        like = [
            image for image in self.images if image.get("container_format") == form and _has(image, source["checksum"])
        ]
        active = next((image for image in like if image["status"] == "active"), None)
        if active and self.is_right(active, source):
            return active["id"]
        fields = {
            "disk_format": form,
            "container_format": form,
            "visibility": self.want.get("fields", {}).get("visibility", "private"),
        }
        waiting = next((image for image in like if image["status"] == "queued" and _is_ours(image)), None)
        name = f"{self.name}-{part}"
        self.changes[f"image {name}"] = {"old": None, "new": {**fields, "checksum": source["checksum"]}}
        if self.test:
            return waiting["id"] if waiting else None
        return self.upload(name, source, fields, waiting)["id"]

    def current(self, fields):
        have, source = self.have, self.sources["image"]
        label = f"image {self.name}"
        if not have or not self.is_right(have, source):
            self.changes[label] = {"old": None, "new": {**fields, "checksum": source["checksum"]}}
            self.have = None if self.test else self.upload(self.name, source, fields, self.found["fill"])
        else:
            difference = __salt__["octavia_ensure.difference"](have, {**fields, "name": self.name})
            fixed = [name for name in ("disk_format", "container_format") if name in difference]
            if fixed:
                raise CommandExecutionError(
                    f"{_KEY}:{fixed[0]}: Glance has this image ({have['id']}) as {have[fixed[0]]} already, and cannot "
                    "change that: delete it there, or say what it is"
                )
            if difference:
                old, new = ({name: each[side] for name, each in difference.items()} for side in ("old", "new"))
                self.changes[label] = {"old": old, "new": new}
                if not self.test:
                    self.have = {**have, **image_update(have["id"], new, **self.asked)}
        self.id = self.have["id"] if self.have else None

    def is_right(self, image, source):
        """Whether an image is what was sent. One that is not goes, and is sent again."""
        algorithm, _, digits = source["checksum"].partition(":")
        if self.test or self.trusted or image.get("os_hash_value") == digits:
            return True
        found = digests(self.local(source), {algorithm, *_GLANCE})
        if _is_what_was_sent(image, found):
            return True
        self.drop(image)
        return False

    def upload(self, name, source, fields, waiting):
        """Send a file, and return the image when Glance has just what was sent."""
        algorithm, _, digits = source["checksum"].partition(":")
        path = self.local(source)
        found = digests(path, {algorithm, *_GLANCE})
        at = source.get("key", _KEY)
        if found[algorithm] != digits:
            raise CommandExecutionError(
                f"{at}: {path} has the checksum {algorithm}:{found[algorithm]}, not {source['checksum']}"
            )
        marks = {"description": __salt__["octavia_ensure.mark"](), CHECKSUM: source["checksum"]}
        image = waiting or image_create(name, {**fields, **marks}, self.owner, **self.asked)
        if waiting:
            image_update(image["id"], {**fields, "name": name}, **self.asked)
        failure = None
        try:
            __salt__["octavia_cloud.upload"](
                "image", f"/images/{image['id']}/file", path, self.asked["cloud_name"], self.asked["saltenv"], _UPLOAD
            )
        except CommandExecutionError as exc:
            # the answer may have been lost, and the image be there
            failure = exc
        done = self.settled(image["id"], failure)
        if not _is_what_was_sent(done, found):
            image_delete(image["id"], **self.asked)
            raise CommandExecutionError(f"{at}: Glance has got something else than {path}, which was sent; try again")
        if "url" in source:
            os.unlink(path)
        self.images.append(done)
        return done

    def local(self, source):
        """The path of a source on this host."""
        if "file" in source:
            return source["file"]
        state_dir = __salt__["octavia_pillar.settings"](self.asked["saltenv"])["state_dir"]
        path = f"{state_dir}/image/{source['checksum'].replace(':', '-')}"
        download(source["url"], path, source["checksum"], source.get("key", _KEY))
        return path

    def settled(self, id, failure):
        """The image behind an upload, when it is active."""
        until = time.monotonic() + _SETTLE
        while True:
            found = __salt__["octavia_cloud.request"](
                "image", "GET", f"/images/{id}", None, self.asked["cloud_name"], None, self.asked["saltenv"]
            )
            if found["status"] == "active":
                return found
            # back in the queue: the upload has ended without success
            if found["status"] in ("queued", "killed", "deleted") or time.monotonic() > until:
                raise failure or CommandExecutionError(
                    f"Glance has the image {id} as {found['status']}, not active: run this again"
                )
            time.sleep(1)

    # -- what was before

    def tag(self):
        tag, untag, have = self.want["tag"], self.found["untag"], self.have
        lacks = not have or tag not in have.get("tags", ())
        if not lacks and not untag:
            return
        old = [image["id"] for image in untag]
        if not lacks:
            old.append(have["id"])
        # what an image has in it is known in a dry run too, its id is not
        self.changes[f"tag {tag}"] = {"old": sorted(old), "new": [self.sources["image"]["checksum"]]}
        if self.test:
            return
        if lacks:
            image_update(have["id"], {"tags": [*have.get("tags", ()), tag]}, **self.asked)
        for image in untag:
            left = [each for each in image["tags"] if each != tag]
            image_update(image["id"], {"tags": left}, **self.asked)

    def sweep(self):
        """Take away what nobody needs: halves of uploads, and old images of ours that no server uses."""
        for image in self.found["drop"]:
            self.drop(image)
        surplus = self.found["surplus"]
        if surplus and self.owner:
            used = _used(self.owner, **self.asked)
            for image in surplus:
                if image["id"] in used:
                    self.said.append(f"image {image['id']} stays, since servers use it")
                else:
                    self.drop(image)
        named = set(self.parts.values())
        for image in self.images:
            if image["id"] not in self.gone and not _is_part(image):
                # the current one names others from now on
                named.update(
                    image.get(f"{part}_id") for part in _PARTS if image["id"] != self.id or part not in self.parts
                )
        for image in list(self.images):
            if _is_part(image) and _is_ours(image) and image["id"] not in named:
                self.drop(image)

    def drop(self, image):
        label = f"image {image['name']} {image['id']}"
        if not self.test:
            try:
                image_delete(image["id"], **self.asked)
            except CommandExecutionError as exc:
                # Ceph and the like: an image of which there are clones
                if "in use" not in str(exc):
                    raise
                self.said.append(f"image {image['id']} stays, since it is in use")
                return
        self.gone.add(image["id"])
        self.changes[label] = {"old": {"status": image["status"]}, "new": None}


def _is_what_was_sent(image, found):
    algorithm = image.get("os_hash_algo")
    if algorithm in found:
        return image.get("os_hash_value") == found[algorithm]
    return image.get("checksum") in (None, found["md5"])


def _used(project, cloud_name, saltenv):
    """Ids of the images of a project's servers."""
    servers = __salt__["octavia_cloud.resources"]("server", cloud_name, saltenv, all_tenants=1, project_id=project)
    return {(server.get("image") or {}).get("id") for server in servers}
