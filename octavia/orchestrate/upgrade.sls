{#- The phases on all controllers, in one of two modes. The first fault stops it; run again, it goes on where it stopped,
    for a host that is up to date is not taken out. -#}
{%- set orchestration = "upgrade" %}
{%- from "octavia/orchestrate/controllers.jinja" import which, primary, others, fault with context %}
{%- set mode = pillar | traverse("octavia:upgrade:mode", none) %}
{%- set steps = [] %}
{%- set phase = "octavia.upgrade." %}

{%- if fault is not defined %}
{%-   set all = [primary] + others %}
{%-   if mode is none %}
{%-     set rolling = which("I@octavia:upgrade:mode:rolling") | load_json %}
{%-     set mode = "rolling" if rolling | length == all | length else "cold" %}
{%-     if rolling and mode == "cold" %}
{%-       set fault = "octavia:upgrade:mode: is rolling on " ~ rolling | join(", ") ~ " alone" %}
{%-     endif %}
{%-   endif %}
{%-   set along = {"upgrade": {"mode": mode, "only_due": true}} %}
{%-   set alone = {"upgrade": {"mode": mode, "only_due": true, "alone": true}} %}

{%-   do steps.append(("whether all may be upgraded", all, [phase ~ "pre"], along)) %}
{%-   if mode == "rolling" %}
{%-     for minion in all %}
{%-       do steps.append(("upgrade of " ~ minion, [minion], [phase ~ "upgrade"], along)) %}
{%-     endfor %}
{%-   else %}
{#-     the others serve while the first one gets its packages, and it serves while they get theirs: without an API are
        only the seconds between, for which it is one run -#}
{%-     for text, sls in [("out of its load balancer: ", [phase ~ "upgrade.pre"]), ("stop ", [phase ~ "service_stopped"]),
                          ("packages and configuration of ", [phase ~ "pkg_latest", phase ~ "render_config"])] %}
{%-       do steps.append((text ~ primary, [primary], sls, along)) %}
{%-     endfor %}
{%-     if others %}
{%-       do steps.append(("stop " ~ others | join(", "), others, [phase ~ "service_stopped"], along)) %}
{%-     endif %}
{%-     do steps.append(("database and services of " ~ primary, [primary], ["octavia.db.offline_sync",
                          phase ~ "service_running", phase ~ "upgrade.post"], alone)) %}
{%-     if others %}
{%-       do steps.append(("upgrade of " ~ others | join(", "), others, [phase ~ "upgrade"], along)) %}
{%-     endif %}
{%-   endif %}
{%-   do steps.append(("what was saved is not needed any more", all, [phase ~ "post"], along)) %}
{%-   do steps.append(("whether all work", all, [phase ~ "verify"], along)) %}
{%- endif %}
{%- include "octavia/orchestrate/steps.jinja" %}
