#!yaml
include:
  - octavia.preflight

# before octavia.conf, which names it: what octavia.conf says now belongs to the policy that counts now
octavia_policy:
  octavia_policy.managed:
    - require:
      - octavia_check: octavia_preflight

octavia_conf_texts:
  octavia_conf.texts:
    - require:
      - octavia_policy: octavia_policy

octavia_conf:
  octavia_conf.managed:
    - require:
      - octavia_check: octavia_preflight
      - octavia_conf: octavia_conf_texts
