"""
The certificates of this host, for the states: where they come from, what its files should hold, and how authorities
follow one another. ``octavia_issue`` makes them.

``octavia:certificates:source`` says where from: ``files`` (somebody else puts them there), ``pillar``, a directory of
the file server (``salt://...``), or ``generate``, where one controller makes them. See ``octavia_x509`` for the names
of the files.
"""

import functools
import hashlib
import json
import os
import time

import salt.utils.files
from salt.exceptions import CommandExecutionError

SERVER_CA, SERVER_KEY = "server_ca.cert.pem", "server_ca.key.pem"
CLIENT_CA, CLIENT_KEY = "client_ca.cert.pem", "client_ca.key.pem"
CLIENT = "client.cert-and-key.pem"

# What a controller reads. Keys first: of a first write that is cut off no certificate is left without its key.
_READ = (SERVER_KEY, CLIENT, SERVER_CA, CLIENT_CA)
# The key of the client authority signs the client certificate, and is needed nowhere else.
_MADE = (CLIENT_KEY, *_READ)
_SECRET = (SERVER_KEY, CLIENT_KEY, CLIENT)

# Of a roll-over, in order, with what is to be done before the next one.
STAGES = {
    "none": "begin with octavia:certificates:rollover:stage: trust",
    "trust": "apply it on every controller, then say sign",
    "sign": "apply it on every controller, fail over every load balancer, then say client",
    "client": "apply it on every controller, then say drop",
    "drop": "the new authorities are in place: put octavia:certificates:next, where you have it, in place of the old "
    "ones, and take octavia:certificates:rollover out",
}
_DAY = 24 * 3600


# --- what this host should have


def plan(saltenv=None):
    """
    Return what the files of this host should hold. Meant for other modules: it holds keys as they are.

    files
        ``{path: {name, text, user, group, mode}}``; no ``text`` where somebody else writes it. Empty where nothing has
        changed since all was well.
    remove
        Directories that are not needed any more.
    faults, warnings
        Lines that name the pillar key.
    stage, ask
        The stage of a roll-over, and whether amphorae must be ready for it.

    CLI Example:

    .. code-block:: bash

        salt-call --out=quiet octavia_certificates.plan
    """
    if "octavia_certificates.plan" not in __context__:
        __context__["octavia_certificates.plan"] = _Plan(saltenv).result()
    return __context__["octavia_certificates.plan"]


class _Plan:
    """One look at pillar and files."""

    def __init__(self, saltenv):
        self.value = value = __salt__["octavia_pillar.values"](saltenv)
        self.host = __salt__["octavia_pillar.distribution"](saltenv)["host"]
        self.saltenv, self.source = saltenv, value["certificates:source"]
        self.maker, self.faults = False, []
        self.warnings, self.remove, self.stage, self.ask = [], [], "none", False
        self.passphrase = value.get("manager:certificates:ca_private_key_passphrase")
        self.said = (__pillar__.get("octavia") or {}).get("certificates") or {}
        if self.source == "generate":
            self.maker = self._is_maker()
        self.keys = {}  # the pillar key of each path
        self.paths = self._paths()
        self.aside = f"{os.path.dirname(value['manager:certificates:ca_certificate'])}/rollover"
        self.texts = self._texts()
        self.both = {}
        note = __salt__["octavia_file.note"](_stamp(self.host))
        self.note = note if isinstance(note.get("result"), dict) else {}

    def result(self):
        seen = self.seen()
        if self.note.get("seen") == seen and time.time() < self.note["due"]:
            return {**self.note["result"], "files": {}, "remove": [], "faults": [], "ask": False}
        wanted = {}
        try:
            wanted = {} if self.faults else self._wanted()
        except CommandExecutionError as exc:
            self.faults.append(str(exc))
        self._judge(wanted)
        return {
            "files": {} if self.faults else self._files(wanted),
            "remove": self.remove,
            "faults": self.faults,
            "warnings": self.warnings,
            "stage": self.stage,
            "ask": self.ask,
        }

    def remember(self):
        """Note that all is well, until a file or the pillar changes or a certificate comes to its end."""
        ends = [fact["days"] for text in self.have.values() if "BEGIN CERT" in text for fact in _facts(text)]
        marks = (0, self.value["certificates:generate:renew_before_days"], self.value["certificates:check:warn_days"])
        left = min((days - mark for days in ends for mark in marks if days > mark), default=0)
        result = self.result()
        note = {
            "seen": self.seen(),
            "due": time.time() + left * _DAY,
            "view": __salt__["octavia_x509.view"](self.have),
            "result": {"warnings": result["warnings"], "stage": result["stage"]},
        }
        __salt__["octavia_file.keep"](_stamp(self.host), note)

    def seen(self):
        """A digest of all that the answer depends on; times of change tell of contents, owners and modes."""
        said = {key: value for key, value in self.value.items() if key.startswith(("certificates:", "manager:cert"))}
        files = [*self.paths, *self._aside_paths()]
        what = [said, self.texts, self.passphrase, [(path, _changed(path)) for path in files]]
        return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()

    # --- where from

    def _is_maker(self):
        on = self.value.get("certificates:generate:minion")
        listed = len(self.value.get("manager:health_manager:controller_ip_port_list") or [])
        managers = max(listed, self.value.get("manager:health_manager:controllers", 0))
        if not on and managers > 1:
            self.faults.append(
                "octavia:certificates:generate:minion: is not set, and there are "
                f"{managers} health managers: name the minion that makes the certificates for all of them"
            )
        return not on or on == __opts__.get("id")

    def _paths(self):
        """The files of this host, in the order in which they are written, as ``{path: name}``."""
        found = {}
        for key, spec in __salt__["octavia_pillar.data"](self.saltenv)["conf"]["keys"].items():
            if "content" in spec and key in self.value and (self.maker or spec["content"] != CLIENT_KEY):
                found.setdefault(self.value[key], spec["content"])
                self.keys.setdefault(self.value[key], key)
        return dict(sorted(found.items(), key=lambda each: _MADE.index(each[1])))

    def _texts(self):
        """What pillar or file server say, of the present certificates and of the next ones."""
        if self.source == "pillar":
            sets = self.said, self.said.get("next") or {}
            return [{name: _ended(each[name]) for name in _MADE if each.get(name)} for each in sets]
        if self.source.startswith("salt://"):
            return [self._served(self.source), self._served(f"{self.source}/next")]
        return []

    @functools.cached_property
    def have(self):
        """
        The texts on this host by name, which a converged run does not read. Somebody else may have two files of one
        name: who signs, who is trusted.
        """
        found = {}
        for path, name in self.paths.items():
            text = __salt__["octavia_file.read"](path)
            if text is not None and (name not in found or (self.source == "files" and text != found[name])):
                found[name] = found.get(name, "") + text
        return found

    def _served(self, url):
        found = {}
        for name in _READ:
            # the copy in the minion's cache is readable by root alone
            with salt.utils.files.set_umask(0o077):
                path = __salt__["cp.cache_file"](f"{url}/{name}", self.saltenv or __opts__.get("saltenv") or "base")
            if path:
                found[name] = _ended(__salt__["octavia_file.read"](path))
        return found

    def _wanted(self):
        """The texts by name; those of somebody else's files as they are."""
        if self.source == "files" or (self.source == "generate" and not self.maker):
            gone = sorted((path for path in self.paths if not os.path.isfile(path)), key=self.keys.get)
            more = self._handed_on() if self.source == "generate" else ""
            self.faults += [f"octavia:{self.keys[path]}: there is no file {path}{more}" for path in gone]
            return self.have
        old, new = self._generations() if self.maker else self.texts
        if not self.maker:
            self._miss(old, is_next=False)
            if new:
                self._miss(new, is_next=True)
        if self.faults:
            return {}
        self._find_stage(old, new)
        return staged(old, new, self.stage)

    def _handed_on(self):
        on = self.value["certificates:generate:minion"]
        return f"; hand on what {on} has made (salt-call --local octavia_pki.export there)"

    def _miss(self, texts, is_next):
        what = "is not set, and octavia:certificates:source is pillar" if self.source == "pillar" else "is not there"
        self.faults += [f"{self._place(name, is_next)}: {what}" for name in sorted(_READ) if name not in texts]

    # --- generate

    def _generations(self):
        """The present set and the next one, which is empty unless authorities are being rolled over."""
        stage = self.value.get("certificates:rollover:stage")
        if os.path.isdir(self.aside):
            sets = [self._set_aside("old"), self._set_aside("new")]
            if all(set(each) == {*_MADE} for each in sets):
                return [self._renewed(each) for each in sets]
        present = self._renewed(self._complete(dict(self.have)))
        if stage != "trust" or self.faults:
            return present, {}
        following = __salt__["octavia_issue.successor"](present, __salt__["octavia_issue.settings"](self.saltenv))
        return present, self._renewed(following)

    def _aside_paths(self):
        return {f"{self.aside}/{age}/{name}": (age, name) for age in ("old", "new") for name in _MADE if self.maker}

    def _set_aside(self, age):
        texts = {
            name: __salt__["octavia_file.read"](path) for path, (of, name) in self._aside_paths().items() if of == age
        }
        return {name: text for name, text in texts.items() if text is not None}

    def _complete(self, material):
        """With authorities, where there never were any. One that is lost is not made anew: amphorae trust it."""
        for name, key in ((SERVER_CA, SERVER_KEY), (CLIENT_CA, CLIENT_KEY)):
            if name in material and key in material:
                continue
            if name in material or (self.note.get("view") and not self._is_abrupt()):
                lost = key if name in material else name
                self.faults.append(
                    f"{self._place(lost)}: is gone, and amphorae trust that authority: put it back from a backup"
                )
            else:
                which, settings = name.partition("_")[0], __salt__["octavia_issue.settings"](self.saltenv)
                material.update(__salt__["octavia_issue.authority"](which, settings))
        return material

    def _renewed(self, material):
        if self.faults:
            return material
        return __salt__["octavia_issue.renewed"](material, __salt__["octavia_issue.settings"](self.saltenv))

    # --- stages

    def _find_stage(self, old, new):
        """The stage that is said, if it may follow the one that the files are in; else that one."""
        said, place = self.value.get("certificates:rollover:stage"), "octavia:certificates:rollover:stage"
        order = [*STAGES]
        if not new:
            if said == "drop":
                self.stage = said
                self.warnings.append(f"{place}: is drop, and the roll-over is over; take it out")
            elif said:
                self.faults.append(
                    f"{place}: is {said}, and there are no next certificates; "
                    + ("begin with trust" if self.maker else "make them with: salt-call octavia_pki.successor")
                )
            return
        present = self._stage_of_files(old, new)
        if said is None:
            if present is None and self.have:
                self.faults.append(f"{place}: is not set, and the files on this host are those of no stage")
            self.stage = present or "none"
        else:
            if present and abs(order.index(said) - order.index(present)) > 1:
                beside = order[order.index(present) + (1 if order.index(said) > order.index(present) else -1)]
                self.faults.append(f"{place}: is {said}, but this host is at {present}: the next one is {beside}")
            self.stage = said
            self.ask = said in ("client", "drop") and present == order[order.index(said) - 1]
        if self.maker and not self.faults:
            self._set_both_aside(old, new)

    def _stage_of_files(self, old, new):
        for stage in STAGES:
            texts = staged(old, new, stage)
            if all(self.have.get(name) == texts[name] for name in _READ):
                return stage
        return None

    def _set_both_aside(self, old, new):
        if self.stage == "drop":
            self.remove.append(self.aside)
            return
        aside = {path: f"{age}/{name}" for path, (age, name) in self._aside_paths().items()}
        self.keys.update(dict.fromkeys(aside, "certificates:rollover:stage"))
        # before all others: from here on they can be made again
        self.paths = {**aside, **self.paths}
        self.both = {f"old/{name}": text for name, text in old.items()}
        self.both.update({f"new/{name}": text for name, text in new.items()})

    def _is_abrupt(self):
        return self.value.get("certificates:rollover:abrupt")

    # --- judgement

    def _judge(self, wanted):
        if self.faults:
            return
        for name, what in __salt__["octavia_x509.faults"](wanted, self.passphrase):
            if "passphrase" in what:
                what += " (octavia:manager:certificates:ca_private_key_passphrase)"
            self.faults.append(f"{self._place(name)}: {self._of(name)}{what}")
        if self.faults:
            return
        self._guard(wanted)
        for name, what in __salt__["octavia_x509.warnings"](wanted):
            self.warnings.append(f"{self._place(name)}: {self._of(name)}{what}")
        warn = self.value["certificates:check:warn_days"]
        for name in (SERVER_CA, CLIENT_CA, CLIENT):
            for fact in _facts(wanted[name]):
                if fact["days"] < warn:
                    self.warnings.append(
                        f"{self._place(name)}: {self._of(name)}{fact['subject']} ends on {fact['ends'][:10]}"
                    )
        if _facts(wanted[SERVER_CA])[0]["key_id"] == _facts(wanted[CLIENT_CA])[0]["key_id"]:
            self.warnings.append(
                f"{self._place(CLIENT_CA)}: is the authority that signs amphorae too, so that each of them could pass "
                "for a controller"
            )
        for path, name in self.paths.items():
            if name in _SECRET and os.path.isfile(path) and os.stat(path).st_mode & 0o007:
                self.warnings.append(
                    f"octavia:{self.keys[path]}: {path} was readable by everybody; its key may be known"
                )

    def _guard(self, wanted):
        """No amphora may be cut off by authorities that change without a roll-over."""
        before = self.note.get("view")
        if self.source != "files":
            before = __salt__["octavia_x509.view"](self.have) or before
        if not before or self._is_abrupt():
            return
        after = __salt__["octavia_x509.view"](wanted)
        was, now = before["server"][0], after["server"][0]
        bad = []
        if was != now and (now not in before["server"] or was not in after["server"]):
            bad.append(SERVER_CA)
        if before["issuer"] not in after["client"] or after["issuer"] not in before["client"]:
            bad.append(CLIENT_CA)
        for name in bad:
            self.faults.append(
                f"{self._place(name)}: {self._of(name)}is another authority than the one that amphorae know, which "
                "would cut them off: roll it over (octavia.certificates.rollover), or set "
                "octavia:certificates:rollover:abrupt: true and fail over every load balancer"
            )

    def _place(self, name, is_next=False):
        """The pillar key where an operator finds a file."""
        if self.source == "pillar":
            at_next = is_next or (self.stage == "drop" and self.said.get("next"))
            return f"octavia:certificates:{'next:' if at_next else ''}{name}"
        if self.source.startswith("salt://"):
            return f"octavia:certificates:source: {self.source}/{'next/' if is_next else ''}{name}"
        return next(
            (f"octavia:{self.keys[path]}" for path, each in self.paths.items() if each == name), "octavia:certificates"
        )

    def _of(self, name):
        """The path, where the key alone does not tell."""
        if self.source == "pillar" or self.source.startswith("salt://"):
            return ""
        return next((f"{path} " for path, each in self.paths.items() if each == name), "")

    def _files(self, wanted):
        user, group = self.host["user"], self.host["group"]
        texts = {**wanted, **self.both}
        found = {}
        for path, name in self.paths.items():
            root = name == CLIENT_KEY or "/" in name
            writes = self.maker or self.texts
            found[path] = {
                "name": name,
                "text": texts.get(name) if writes else None,
                "user": "root" if root else user,
                "group": "root" if root else group,
                "mode": "0600" if root or name in _SECRET else "0640",
            }
        return found


def present(saltenv=None):
    """
    Return the certificates and keys that this host has, as texts by file name. Meant for other modules.

    CLI Example:

    .. code-block:: bash

        salt-call --out=quiet octavia_certificates.present
    """
    return _Plan(saltenv).have


def remember(saltenv=None):
    """
    Note that the files of this host are as they should be, so that the next run need not look into them.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_certificates.remember
    """
    __context__.pop("octavia_certificates.plan", None)
    _Plan(saltenv).remember()


def next_step(stage):
    """
    Return what is to be done at a stage of a roll-over before the next one.

    stage
        See ``staged``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_certificates.next_step trust
    """
    return STAGES[stage]


def staged(old, new, stage):
    """
    Return what the files hold at a stage of a roll-over, as texts by file name.

    old, new
        The two sets of certificates, as texts by file name.

    stage
        ``none``, ``trust`` (both authorities are trusted), ``sign`` (the new one signs amphorae), ``client``
        (controllers show the new client certificate), ``drop`` (the old ones are gone).

    CLI Example:

    .. code-block:: bash

        salt-call octavia_certificates.staged '{}' '{}' none
    """
    reached = [*STAGES].index(stage)
    if not new:
        return {name: old[name] for name in _MADE if name in old}
    both = 0 < reached < len(STAGES) - 1
    later = reached >= 2, reached >= 3  # the new one signs; the new one is shown
    found = {}
    for name in _MADE:
        goes_on = later[name in (CLIENT, CLIENT_CA, CLIENT_KEY)]
        first, second = (new, old) if goes_on else (old, new)
        if name in first:
            found[name] = first[name]
            if both and name in (SERVER_CA, CLIENT_CA):
                found[name] += second[name]
    return found


def describe(name, text):
    """
    Return what may be shown of one of these files: names, kinds of keys and dates, never a key.

    name, text
        Its name, and what it holds; None for nothing.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_certificates.describe client_ca.cert.pem "$(cat /etc/octavia/certs/client_ca.cert.pem)"
    """
    if text is None:
        return None
    try:
        return "; ".join(f"{fact['subject']}, {fact['key']}, until {fact['ends'][:10]}" for fact in _facts(text))
    except CommandExecutionError:
        return "(hidden)"


def unready(saltenv=None):
    """
    Return which amphorae would be cut off by the stage that the pillar says, as lines; none where this host has no
    amphorae. Each is asked as Octavia asks it: by TLS, with the certificates of that stage.

    Raises CommandExecutionError when the API cannot be asked.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_certificates.unready
    """
    if not __salt__["octavia_pillar.has_amphorae"](saltenv):
        return []
    texts = {file["name"]: file["text"] for file in plan(saltenv)["files"].values()}
    amphorae = __salt__["octavia_cloud.amphorae"](saltenv)
    amphorae = [each for each in amphorae if each["status"] not in ("DELETED", "PENDING_DELETE")]
    end = "-----END CERTIFICATE-----\n"
    answers = __salt__["octavia_host.call"](
        "amphora",
        "probe_all",
        saltenv=saltenv,
        amphorae=amphorae,
        client=texts[CLIENT],
        # the one that goes on signing
        authorities=texts[SERVER_CA].split(end)[0] + end,
    )
    return [
        f"amphora {each['id']} is not ready: {answers[each['id']]['why']}; fail over load balancer "
        f"{each['loadbalancer_id']}"
        for each in amphorae
        if not answers[each["id"]]["ok"]
    ]


def _facts(text):
    return __salt__["octavia_x509.facts"](text)


def _ended(text):
    return text.rstrip("\n") + "\n"


def _changed(path):
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return None


def _stamp(host):
    return f"{host['state_dir']}/certificates.json"
