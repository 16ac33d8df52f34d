{#- All controllers one after the other, the one that migrates the database first; before them, what is made once. What is
    done already costs nothing, so an orchestration that stopped is run again. -#}
{%- set orchestration = "deploy" %}
{%- from "octavia/orchestrate/controllers.jinja" import said, which, primary, others, fault with context %}
{%- set steps = [] %}

{%- if fault is not defined %}
{#-   one that restarts its API while the others serve is out of their load balancer meanwhile -#}
{%-   set along = {"api": {"drain": others | length > 0}} %}
{#-   `octavia` itself makes both, where the pillar of its host says so -#}
{%-   for what, sls in [("I@octavia:resources:enabled:True", "octavia.resources"),
                         ("I@octavia:db:create:True", "octavia.db.create")] %}
{%-     set makers = which(what) | load_json %}
{%-     if makers and primary not in makers %}
{%-       do steps.append((sls ~ " on " ~ makers[0], makers[:1], sls, along)) %}
{%-     endif %}
{%-   endfor %}
{%-   for minions in [[primary]] + others | batch(said.get("batch", 1) | int(1)) | list %}
{%-     do steps.append(("octavia on " ~ minions | join(", "), minions, "octavia", along)) %}
{%-   endfor %}
{%- endif %}
{%- include "octavia/orchestrate/steps.jinja" %}
