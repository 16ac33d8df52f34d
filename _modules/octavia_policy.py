"""
Who may do what with Octavia: ``octavia:policy`` of the pillar as policy.yaml, which the API reads.

``octavia/policy.yaml`` says what a profile means. What asks Octavia and oslo.policy is ``octavia/host/policy.py``, in
the host's own Python.
"""

import yaml

MARK = "# Managed by Salt. Local changes will be lost.\n# Checked with the rules of Octavia "


def path(saltenv=None):
    """
    Return where the policy file is.

    saltenv
        Environment of the file server; that of the minion by default. So in all functions here.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_policy.path
    """
    return f"{__salt__['octavia_pillar.distribution'](saltenv)['host']['conf_dir']}/policy.yaml"


def is_wanted(saltenv=None):
    """
    Tell whether this host gets a policy file: the pillar has ``octavia:policy``, and the API, its one reader, is here.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_policy.is_wanted
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    said = value.get("policy:profile") or value.get("policy:rules")
    return bool(said) and "api" in __salt__["octavia_pillar.sections"](saltenv)


def rules(saltenv=None):
    """
    Return the rules of the policy file as ``{name: text}``: those of the profile, under those of
    ``octavia:policy:rules``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_policy.rules
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    found = {**_profile(saltenv).get("rules", {}), **value.get("policy:rules", {})}
    return {name: " ".join(text.split()) for name, text in found.items()}


def _profile(saltenv):
    name = __salt__["octavia_pillar.values"](saltenv).get("policy:profile")
    return _profiles(saltenv)[name] if name else {}


def _profiles(saltenv):
    return __salt__["octavia_pillar.load"]("policy", saltenv)["profiles"]


def options(saltenv=None):
    """
    Return the options of octavia.conf that make the policy file count, and those that its profile needs in this
    release, as ``{section/option: value}``.

    Raises CommandExecutionError as ``octavia_release.facts`` does.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_policy.options
    """
    if not is_wanted(saltenv):
        return {}
    major = __salt__["octavia_release.facts"](saltenv)["octavia"]
    found = {"oslo_policy/policy_file": path(saltenv)}
    for name, spec in _profile(saltenv).get("options", {}).items():
        if spec.get("since", 0) <= major <= spec.get("until", major):
            found[f"oslo_policy/{name}"] = spec["value"]
    return found


def render(saltenv=None):
    """
    Return the text of the policy file. It names the release that it was checked with, so that another one has it
    checked again.

    Raises CommandExecutionError as ``octavia_release.facts`` does.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_policy.render
    """
    version = __salt__["octavia_release.facts"](saltenv)["version"]
    text = yaml.safe_dump(rules(saltenv), default_flow_style=False, width=float("inf"))
    return f"{MARK}{version}.\n{text}"


def file(saltenv=None):
    """
    Return the policy file as ``octavia_conf.texts`` says others, ``{section/option: [path, text]}``; nothing where none
    is wanted.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_policy.file
    """
    return {"oslo_policy/policy_file": [path(saltenv), render(saltenv)]} if is_wanted(saltenv) else {}


def compare(saltenv=None):
    """
    Hold the policy that the pillar wants against the installed Octavia and the policy that counts now.

    Returns ``faults``, one line each with the pillar key; ``changes``, ``{rule: {old, new}}`` for every rule that lets
    in others than before; and ``followers``, how many other rules decide otherwise because they refer to one of these.
    Raises CommandExecutionError in one line when Octavia cannot be asked.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_policy.compare
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    found = __salt__["octavia_host.call"](
        "policy",
        "compare",
        saltenv=saltenv,
        directory=settings["conf_dir"],
        # nothing wanted any more: as if the file were empty
        text=render(saltenv) if is_wanted(saltenv) else "",
        old=_section(__salt__["octavia_file.read"](settings["conf_file"]) or ""),
        new=_section(__salt__["octavia_conf.render"](saltenv, mask=False, look_up=False)),
    )
    own = __salt__["octavia_pillar.values"](saltenv).get("policy:rules", {})
    found["faults"] = [
        f"octavia:policy:rules:{name}: {fault}" if name in own else f"octavia:policy:profile: rule {name} {fault}"
        for name, fault in found["faults"]
    ]
    return found


def _section(text):
    """``[oslo_policy]`` of octavia.conf: nothing else of it leaves this process."""
    options = __salt__["octavia_diff.parse"](text)
    start = "oslo_policy/"
    return {name.removeprefix(start): value for name, value in options.items() if name.startswith(start)}


def faults(saltenv=None):
    """
    Return what is wrong with ``octavia:policy`` as far as the pillar alone tells, as a list of lines.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_policy.faults
    """
    tree = __pillar__.get("octavia") or {}
    policy = tree.get("policy")
    if not isinstance(policy, dict):
        return []
    found = []
    known = _profiles(saltenv)
    if policy.get("profile") is not None and policy["profile"] not in known:
        found.append(f"octavia:policy:profile: is {policy['profile']!r}, must be one of {', '.join(sorted(known))}")
    said = policy.get("rules")
    for name, text in said.items() if isinstance(said, dict) else ():
        place = f"octavia:policy:rules:{name if str(name).isprintable() else repr(name)}"
        if not isinstance(name, str):
            found.append(f"{place}: is no name of a rule")
        elif not isinstance(text, str):
            found.append(f"{place}: must be a text, in quotes")
        elif not text.strip():
            found.append(f'{place}: is empty, which would let everybody in; "@" says so, "!" lets nobody in')
    config = tree.get("config")
    section = config.get("oslo_policy") if isinstance(config, dict) else None
    if isinstance(section, dict) and section.get("policy_file") is not None and (policy.get("profile") or said):
        found.append("octavia:config:oslo_policy:policy_file: names another file than the one of octavia:policy")
    return found


def is_ours(text):
    """
    Tell whether the text of a policy file was written by this formula.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_policy.is_ours "# a file of somebody else"
    """
    return bool(text) and text.startswith(MARK)
