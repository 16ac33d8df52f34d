{#- The phases on all controllers. Every step but the last needs the one before it, so the orchestration stops at the first
    fault; run again, it goes on where it stopped, for hosts that are up to date are not taken out. -#}
{%- from "octavia/orchestrate/controllers.jinja" import primary, others, fault with context %}
{%- set mode = pillar | traverse("octavia:upgrade:mode", "cold") %}
{%- set all = primary + others %}
{%- set phase = "octavia.upgrade." %}

{%- if fault is defined and fault %}

octavia_upgrade_refused:
  test.fail_without_changes:
    - name: {{ fault | yaml_dquote }}
{%- else %}
{%-   set steps = [("whether all may be upgraded", all, [phase ~ "pre"])] %}
{%-   if mode == "rolling" %}
{%-     for minion in all %}
{%-       do steps.append(("upgrade of " ~ minion, [minion], [phase ~ "upgrade"])) %}
{%-     endfor %}
{%-   else %}
{#-     the others serve while the first one gets its packages, and it serves while they get theirs: without an API are
        only the seconds between #}
{%-     do steps.append(("packages of " ~ primary[0], primary, [phase ~ "upgrade.pre", phase ~ "service_stopped",
                          phase ~ "pkg_latest", phase ~ "render_config"])) %}
{%-     if others %}
{%-       do steps.append(("the other controllers stop", others, [phase ~ "service_stopped"])) %}
{%-     endif %}
{%-     do steps.append(("database and services of " ~ primary[0], primary, ["octavia.db.offline_sync",
                          phase ~ "service_running", phase ~ "upgrade.post"])) %}
{%-     if others %}
{%-       do steps.append(("packages and services of the others", others, [phase ~ "pkg_latest",
                            phase ~ "render_config", phase ~ "service_running", phase ~ "upgrade.post"])) %}
{%-     endif %}
{%-   endif %}
{%-   do steps.append(("what was saved is not needed any more", all, [phase ~ "post"])) %}
{%-   do steps.append(("whether all work", all, [phase ~ "verify"])) %}

{%-   for name, minions, sls in steps %}

octavia_upgrade_{{ loop.index }}:
  salt.state:
    - name: {{ name | yaml_dquote }}
    - tgt: {{ minions | json }}
    - tgt_type: list
    - sls: {{ sls | json }}
    - saltenv: {{ saltenv }}
    - pillar: {octavia: {upgrade: {mode: {{ mode | json }}, only_due: true}}}
{%-     if not loop.first %}
    - require:
      - salt: octavia_upgrade_{{ loop.index - 1 }}
{%-     endif %}
{%-   endfor %}
{%- endif %}
