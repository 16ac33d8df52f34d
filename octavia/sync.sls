{#- Brings the formula's modules to a minion that lacks them or has others. The comparison runs while this file renders
    and uses Salt core only; a converged run syncs nothing. salt-ssh, known by its thin_dir, brings them by itself, and
    would ask each of these questions over the network. -#}
{%- set stale = [] %}
{%- if not opts.get("thin_dir") %}
{%-   for path in salt["cp.list_master"](saltenv, "_") | select("match", "_(modules|states)/octavia") %}
{%-     set here = opts.extension_modules ~ path.replace("_", "/", 1) %}
{%-     if not salt["file.file_exists"](here)
           or salt["cp.hash_file"]("salt://" ~ path, saltenv).hsum != salt["file.get_hash"](here, opts.hash_type) %}
{%-       do stale.append(path) %}
{%-     endif %}
{%-   endfor %}
{%- endif %}
octavia_sync:
{%- if stale and opts.test %}
  # a state of Salt's own that fails in a dry run too; it shows its name, not its comment
  test.fail_without_changes:
    - name: "run first: salt-call saltutil.sync_all{{ " saltenv=" ~ saltenv if saltenv != "base" }} (a dry run brings no
        modules to this minion)"
{%- elif stale and saltenv != "base" %}
  # the state of this name knows the environments of top.sls only
  module.run:
    - saltutil.sync_all:
      - saltenv: base,{{ saltenv }}
      - refresh: true
    - reload_modules: true
{%- elif stale %}
  saltutil.sync_all:
    - refresh: true
    - reload_modules: true
{%- else %}
  test.nop: []
{%- endif %}
