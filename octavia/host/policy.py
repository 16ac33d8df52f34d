"""
Octavia's policy, as oslo.policy reads it: what is wrong with rules, and whose decisions they change.
"""

import difflib
import logging
import os
import tempfile
from contextlib import contextmanager

import yaml
from octavia.common.policy import Policy
from oslo_config import cfg
from oslo_context import context
from oslo_policy import policy

# Of [oslo_policy], what decides which rules count.
_OPTIONS = ("policy_file", "policy_dirs", "enforce_scope", "enforce_new_defaults")


def compare(directory, text, old, new):
    """
    Hold the text of a policy file that is to be written against the installed Octavia.

    directory
        Where relative paths begin (``/etc/octavia``).

    text
        What the file will hold.

    old, new
        Options of ``[oslo_policy]`` as they are written, those that count now and those that will; the ``policy_file``
        of ``new`` is that file.

    Returns ``faults``, a list of ``[name, what is wrong]``; ``changes``, ``{name: {old, new}}`` with the text of each
    rule that lets in others than before; and ``followers``, how many rules decide otherwise because they refer to one
    of these. Without ``changes`` where there are faults.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "policy.yaml")  # noqa: PTH118
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        after = _load(directory, {**new, "policy_file": path})
    faults = _faults(yaml.safe_load(text) or {}, after)
    if faults:
        return {"faults": faults, "changes": {}, "followers": 0}
    before, after = _rules_now(directory, old), dict(after.rules)
    changes, followers = {}, 0
    for name in sorted(before.keys() | after.keys()):
        if name in before and name in after and _ways(before[name], before) == _ways(after[name], after):
            continue
        texts = [_text(rules.get(name)) for rules in (before, after)]
        if texts[0] == texts[1]:
            followers += 1
        else:
            changes[name] = dict(zip(("old", "new"), texts, strict=True))
    return {"faults": [], "changes": changes, "followers": followers}


def _load(directory, options):
    """Octavia's own enforcer, with its rules loaded as the API would load them."""
    conf = cfg.ConfigOpts()
    conf([], project="octavia", default_config_files=[], default_config_dirs=[])
    enforcer = Policy(conf)
    enforcer.suppress_deprecation_warnings = enforcer.suppress_default_change_warnings = True
    options = {"policy_file": "policy.yaml", "policy_dirs": "policy.d", **options}
    # enforce_scope is not in oslo.policy 6 any more
    for name in set(_OPTIONS) & options.keys() & set(conf.oslo_policy):
        value = options[name]
        if name == "policy_file":
            value = enforcer.policy_file = os.path.join(directory, value)  # noqa: PTH118
        elif name == "policy_dirs":
            value = [os.path.join(directory, path) for path in value.splitlines()]  # noqa: PTH118
        conf.set_override(name, value, "oslo_policy")
    enforcer.load_rules()
    return enforcer


def _rules_now(directory, options):
    try:
        return dict(_load(directory, options).rules)
    except (ValueError, policy.InvalidRuleDefault):
        # a file that oslo.policy cannot read: the API answers nobody, whatever the rules
        return {}


# --- faults


def _faults(rules, enforcer):
    loaded = dict(enforcer.rules)
    checks = {name: _parse(name, text) for name, text in rules.items()}
    used = {match for check in checks.values() if check for match in _references(check)}
    faults = []
    for name, check in checks.items():
        fault = None
        if name not in enforcer.registered_rules and name not in used:
            fault = (
                f"is no rule of this Octavia, and no other rule refers to it{_nearest(name, enforcer.registered_rules)}"
            )
        elif check is None:
            fault = f"cannot be parsed: {rules[name]}"
        else:
            fault = _fault_of_check(name, check, loaded)
        if fault is None and _text(loaded[name]) != _text(check):
            fault = f"has no effect, a file in {' or '.join(enforcer.conf.oslo_policy.policy_dirs)} says otherwise"
        if fault:
            faults.append([name, fault])
    return faults


def _fault_of_check(name, check, rules):
    for match in _references(check):
        if match not in rules:
            return f"refers to rule:{match}, which there is not{_nearest(match, rules, 'rule:')}"
    path = _cycle(name, rules, (name,))
    if path:
        return f"refers to itself: {' -> '.join(path)}"
    known = context.RequestContext().to_policy_values()
    for leaf in _leaves(check):
        kind = getattr(leaf, "kind", "")
        if type(leaf).__name__ == "GenericCheck" and not _is_literal(kind) and kind.split(".")[0] not in known:
            kinds = ["role", "rule", "is_admin", *known]
            return f"asks for {kind}, which no token has{_nearest(kind, kinds)}"
    return None


def _parse(name, text):
    """The check that oslo.policy makes of a text; None where it would log an error and let nobody in."""
    with _errors_of("oslo_policy._parser") as errors:
        check = policy.RuleDefault(name, text).check
    return None if errors else check


@contextmanager
def _errors_of(name):
    logger, found = logging.getLogger(name), []
    handler = logging.Handler(logging.ERROR)
    handler.emit = found.append
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


def _inner(check):
    """The checks that a check is made of."""
    if isinstance(check, policy.NotCheck):
        return [check.rule]
    return check.rules if isinstance(check, (policy.AndCheck, policy.OrCheck)) else []


def _leaves(check):
    inner = _inner(check)
    return [leaf for part in inner for leaf in _leaves(part)] if inner else [check]


def _references(check):
    return [leaf.match for leaf in _leaves(check) if isinstance(leaf, policy.RuleCheck)]


def _cycle(name, rules, path):
    """The way from a rule back to itself, or None. One that it only leads to is a fault of that other rule."""
    for match in _references(rules[name]) if name in rules else ():
        if match == path[0]:
            return (*path, match)
        if match not in path and (found := _cycle(match, rules, (*path, match))):
            return found
    return None


def _is_literal(kind):
    """``'text':%(x)s``, ``True:%(x)s``, ``1:%(x)s`` compare a constant with what is asked for."""
    return kind[:1] in "'\"" or kind in ("True", "False", "None") or kind.isdigit()


def _nearest(name, known, prefix=""):
    near = difflib.get_close_matches(name, sorted(known), 1, 0.6)
    return f"; nearest known: {prefix}{near[0]}" if near else ""


# --- decisions


def _text(check):
    """A rule as oslo.policy writes it, None for none."""
    text = None if check is None else str(check)
    return text[1:-1] if isinstance(check, (policy.AndCheck, policy.OrCheck)) else text


def _ways(check, rules, inside=()):
    """
    All ways to be let in, each a set of conditions, none with more than it needs. Two rules with the same ways decide
    the same, however they are written.
    """
    if isinstance(check, policy.RuleCheck):
        if check.match in inside or check.match not in rules:
            return set()
        return _ways(rules[check.match], rules, (*inside, check.match))
    if isinstance(check, policy.NotCheck):
        return {frozenset([f"not {sorted(map(sorted, _ways(check.rule, rules, inside)))}"])}
    if isinstance(check, policy.AndCheck):
        found = {frozenset()}
        for part in check.rules:
            found = _least({one | other for one in found for other in _ways(part, rules, inside)})
        return found
    if isinstance(check, policy.OrCheck):
        return _least({way for part in check.rules for way in _ways(part, rules, inside)})
    return {"@": {frozenset()}, "!": set()}.get(str(check), {frozenset([str(check)])})


def _least(ways):
    return {way for way in ways if not any(other < way for other in ways)}
