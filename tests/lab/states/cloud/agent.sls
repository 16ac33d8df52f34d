# What each agent of Neutron's networks reads, whatever it is of.
{%- from 'cloud/options.jinja' import transport_url with context %}

# Where Neutron's server is, the same file is its own, with more in it.
neutron_agent_root:
  ini.options_present:
    - name: /etc/neutron/neutron.conf
    - sections:
        DEFAULT: {transport_url: "{{ transport_url }}"}
        oslo_concurrency: {lock_path: /var/lib/neutron/lock}
        experimental: {linuxbridge: true}
        agent:
          root_helper: sudo /usr/bin/neutron-rootwrap /etc/neutron/rootwrap.conf
          root_helper_daemon: sudo /usr/bin/neutron-rootwrap-daemon /etc/neutron/rootwrap.conf
        # Two requests at a time, and such a helper may end in "greenlet.error: cannot switch to a different thread",
        # with its agent waiting for ever.
{%- for context in ('', '_dhcp_release', '_namespace', '_conntrack', '_link') %}
        privsep{{ context }}: {thread_pool_size: 1}
{%- endfor %}
