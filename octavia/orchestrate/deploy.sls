{#- All controllers one after the other, the one that migrates the database first. What is done already costs nothing, so
    an orchestration that stopped is run again. -#}
{%- from "octavia/orchestrate/controllers.jinja" import primary, others, fault with context %}

{%- if fault is defined and fault %}

octavia_deploy_refused:
  test.fail_without_changes:
    - name: {{ fault | yaml_dquote }}
{%- else %}
{%-   for minion in primary + others %}

octavia_deploy_{{ loop.index }}:
  salt.state:
    - name: {{ ("octavia on " ~ minion) | yaml_dquote }}
    - tgt: {{ minion | yaml_dquote }}
    - tgt_type: list
    - sls: octavia
    - saltenv: {{ saltenv }}
    # one that restarts its API while the others serve is out of their load balancer meanwhile
    - pillar: {octavia: {api: {drain: {{ (others | length > 0) | json }}}}}
{%-     if not loop.first %}
    - require:
      - salt: octavia_deploy_{{ loop.index - 1 }}
{%-     endif %}
{%-   endfor %}
{%- endif %}
