memcached_packages:
  pkg.installed:
    - pkgs: [memcached, python3-pymemcache]

memcached_configuration:
  file.managed:
    - name: /etc/memcached.conf
    - contents: |
        -d
        -m 64
        -p {{ pillar.lab.memcached.port }}
        -u memcache
        -l 0.0.0.0
        logfile /var/log/memcached.log
        -P /var/run/memcached/memcached.pid
    - require:
      - pkg: memcached_packages

memcached_service:
  service.running:
    - name: memcached
    - enable: true
    - watch:
      - file: memcached_configuration
