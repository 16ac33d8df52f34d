# Nearly every key at once, numbers other than the defaults, and all on that can be switched on.
octavia:
  debug: false
  hostname: ctl01.example.org
  allow_insecure: false
  install_method: packages
  venv:
    directory: /srv/octavia
    version: 11.0.3
    constraints: /srv/octavia-constraints.txt
    packages:
      - ovn-octavia-provider
  database:
    engine: mysql
    host: db.example.org
    port: 3307
    name: octavia
    user: octavia
    password: fake-database-fake-database
    charset: utf8mb4
    collation: utf8mb4_general_ci
    grant_hosts:
      - '%'
    ssl:
      enabled: true
      ca: /etc/ssl/certs/ca-certificates.crt
      cert: /etc/octavia/tls/db.cert.pem
      key: /etc/octavia/tls/db.key.pem
    max_pool_size: 11
    max_overflow: 21
    pool_timeout: 11
    connection_recycle_time: 3601
    max_retries: 11
    retry_interval: 11
    use_db_reconnect: false
    db_retry_interval: 2
    db_inc_retry_interval: true
    db_max_retry_interval: 11
    db_max_retries: 21
    mysql_sql_mode: TRADITIONAL
    mysql_wsrep_sync_wait: 2
    connection_debug: 1
    connection_trace: false
    slave_connection: mysql+pymysql://octavia:fake@db2.example.org/octavia
    connection_parameters: read_timeout=60
  identity:
    engine: keystone
    region: RegionOne
    protocol: http
    host: keystone.example.org
    port: 5001
    user: octavia
    password: fake-identity-fake-identity
    tenant: service
    domain: default
    endpoint_type: internal
    service_token_roles:
      - service
      - admin
    ca: /etc/ssl/certs/ca-certificates.crt
    certfile: /etc/octavia/tls/client.cert.pem
    keyfile: /etc/octavia/tls/client.key.pem
    insecure: false
    http_connect_timeout: 11
    http_request_max_retries: 4
    service_type: load-balancer
    timeout: 61
    connect_retries: 4
    connect_retry_delay: 0.5
    status_code_retries: 4
    status_code_retry_delay: 0.5
  message_queue:
    engine: rabbitmq
    host: rabbit.example.org
    members:
      - host: 10.0.0.11
        port: 5672
      - host: 10.0.0.12
        port: 5672
      - host: 10.0.0.13
    port: 5673
    user: openstack
    password: fake-rabbit-fake-rabbit
    virtual_host: /
    topic: octavia_prov
    ssl:
      enabled: true
      ca: /etc/ssl/certs/ca-certificates.crt
      cert: /etc/octavia/tls/mq.cert.pem
      key: /etc/octavia/tls/mq.key.pem
      version: TLSv1_2
    quorum: false
    rabbit_quorum_delivery_limit: 1
    rabbit_quorum_max_memory_length: 1
    rabbit_quorum_max_memory_bytes: 1
    rabbit_transient_quorum_queue: false
    rabbit_stream_fanout: false
    rabbit_qos_prefetch_count: 1
    rabbit_ha_queues: false
    rabbit_transient_queues_ttl: 1801
    amqp_durable_queues: false
    amqp_auto_delete: false
    use_queue_manager: false
    hostname: ctl01
    processname: octavia
    heartbeat_timeout_threshold: 61
    heartbeat_rate: 4
    rabbit_retry_interval: 2
    rabbit_retry_backoff: 3
    rabbit_interval_max: 31
    kombu_reconnect_delay: 1.0
    kombu_reconnect_splay: 0.0
    kombu_missing_consumer_retry_timeout: 61
    kombu_failover_strategy: round-robin
    enable_cancel_on_failover: false
    rabbit_login_method: AMQPLAIN
    kombu_compression: gzip
    rpc_conn_pool_size: 31
    conn_pool_min_size: 3
    conn_pool_ttl: 1201
    rpc_response_timeout: 61
    executor_thread_pool_size: 65
    control_exchange: octavia
  cache:
    engine: memcached
    members:
      - host: 10.0.0.11
        port: 11211
      - host: 10.0.0.12
    security:
      enabled: true
      strategy: ENCRYPT
      secret_key: fake-cache-key-fake-cache-key
    token_cache_time: 301
    memcache_use_advanced_pool: true
    memcache_pool_maxsize: 11
    memcache_pool_dead_retry: 301
    memcache_pool_socket_timeout: 4
    memcache_pool_unused_timeout: 61
    memcache_pool_conn_get_timeout: 11
    memcache_sasl_enabled: false
    memcache_username: octavia
    memcache_password: fake-memcached-fake-memcached
    memcache_tls_enabled: false
    memcache_tls_cafile: /etc/ssl/certs/ca-certificates.crt
    memcache_tls_certfile: /etc/octavia/tls/mc.cert.pem
    memcache_tls_keyfile: /etc/octavia/tls/mc.key.pem
    memcache_tls_allowed_ciphers: ECDHE-RSA-AES256-GCM-SHA384
  notification:
    driver: messagingv2
    topics:
      - notifications
    transport_url: rabbit://octavia:fake@rabbit2.example.org:5672/
    retry: -1
  logging:
    log_dir: /var/log/octavia
    log_file: octavia.log
    log_config_append: /etc/octavia/logging.conf
    use_syslog: true
    syslog_log_facility: LOG_LOCAL3
    use_journal: false
    use_json: false
    use_stderr: false
    log_color: false
    log_rotation_type: none
    max_logfile_size_mb: 201
    max_logfile_count: 31
    log_rotate_interval: 2
    log_rotate_interval_type: days
    default_log_levels:
      - amqp=WARN
      - boto=WARN
      - sqlalchemy=WARN
      - suds=INFO
      - oslo.messaging=INFO
      - oslo_messaging=INFO
      - iso8601=WARN
      - requests.packages.urllib3.connectionpool=WARN
      - urllib3.connectionpool=WARN
      - websocket=WARN
      - requests.packages.urllib3.util.retry=WARN
      - urllib3.util.retry=WARN
      - keystonemiddleware=WARN
      - routes.middleware=WARN
      - stevedore=WARN
      - taskflow=WARN
      - keystoneauth=WARN
      - oslo.cache=INFO
      - oslo_policy=INFO
      - dogpile.core.dogpile=INFO
    publish_errors: false
    rate_limit_interval: 1
    rate_limit_burst: 1
    rate_limit_except_level: CRITICAL
    log_date_format: '%Y-%m-%d %H:%M:%S'
    logging_context_format_string: '%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [%(global_request_id)s %(request_id)s
      %(user_identity)s] %(instance)s%(message)s'
    logging_default_format_string: '%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [-] %(instance)s%(message)s'
    logging_debug_format_suffix: '%(funcName)s %(pathname)s:%(lineno)d'
    logging_exception_prefix: '%(asctime)s.%(msecs)03d %(process)d ERROR %(name)s %(instance)s'
    logging_user_identity_format: '%(user)s %(project)s %(domain)s %(system_scope)s %(user_domain)s %(project_domain)s'
    instance_format: '[instance: %(uuid)s] '
    instance_uuid_format: '[instance: %(uuid)s] '
  networking:
    allow_vip_network_id: true
    allow_vip_subnet_id: true
    allow_vip_port_id: true
    valid_vip_networks:
      - 11111111-2222-3333-4444-000000000005
    denylist_vip_networks:
      - 11111111-2222-3333-4444-000000000006
    reserved_ips:
      - 169.254.169.254
    allow_invisible_resource_usage: false
    use_remote_group_for_lb_peer_ports: true
    port_detach_timeout: 301
    max_retries: 16
    retry_interval: 2
    retry_backoff: 2
    retry_max: 11
  nova:
    enable_anti_affinity: false
    anti_affinity_policy: anti-affinity
    availability_zone: nova
    random_amphora_name_length: 1
    service_name: nova
    endpoint: http://nova.example.org:8774/v2.1
  neutron:
    service_name: neutron
    endpoint: http://neutron.example.org:9696
  glance:
    service_name: glance
    endpoint: http://glance.example.org:9292
  cinder:
    volume_size: 17
    volume_type: fast
    availability_zone: nova
    volume_create_timeout: 301
    volume_create_retry_interval: 6
    volume_create_max_retries: 6
    service_name: cinderv3
    endpoint: http://cinder.example.org:8776/v3
  ovn:
    ovn_nb_connection:
      - ssl:10.0.0.21:6641
      - ssl:10.0.0.22:6641
    ovn_nb_ca_cert: /etc/octavia/ovn/ca.cert.pem
    ovn_nb_certificate: /etc/octavia/ovn/nb.cert.pem
    ovn_nb_private_key: /etc/octavia/ovn/nb.key.pem
    ovn_sb_connection:
      - ssl:10.0.0.21:6642
      - ssl:10.0.0.22:6642
    ovn_sb_ca_cert: /etc/octavia/ovn/ca.cert.pem
    ovn_sb_certificate: /etc/octavia/ovn/sb.cert.pem
    ovn_sb_private_key: /etc/octavia/ovn/sb.key.pem
    ovsdb_connection_timeout: 181
    ovsdb_retry_max_interval: 181
    ovsdb_probe_interval: 60001
  controller_worker:
    amphora_driver: amphora_haproxy_rest_driver
    compute_driver: compute_nova_driver
    network_driver: allowed_address_pairs_driver
    loadbalancer_topology: SINGLE
  haproxy_amphora:
    timeout_client_data: 50001
    timeout_member_connect: 5001
    timeout_member_data: 50001
    timeout_tcp_inspect: 1
  certificates:
    source: files
    server_certs_key_passphrase:
      - fake-passphrase-fake-passphrase-
      - fake-passphrase-fake-passphrase_
    cert_generator: local_cert_generator
    cert_validity_time: 2592001
    signing_digest: sha256
    cert_manager: barbican_cert_manager
    barbican_auth: barbican_acl_auth
    service_name: barbican
    endpoint: http://barbican.example.org:9311
    storage_path: /var/lib/octavia/certificates/
  db:
    create: false
  config:
    api_settings:
      allow_field_selection: false
  api:
    enabled: true
    role: primary
    bind:
      address: 0.0.0.0
      port: 9877
    processes: 3
    threads: 5
    auth_strategy: keystone
    allow_tls_terminated_listeners: true
    allow_ping_health_monitors: true
    allow_prometheus_listeners: true
    udp_connect_min_interval_health_monitor: 4
    pagination_max_limit: 1001
    api_base_uri: https://octavia.example.org:9876
    enabled_provider_drivers:
      amphora: Amphorae.
      ovn: OVN.
    default_provider_driver: amphora
    tls:
      minimum_tls_version: TLSv1.2
      default_listener_tls_versions:
        - TLSv1.2
        - TLSv1.3
      default_pool_tls_versions:
        - TLSv1.2
        - TLSv1.3
      default_listener_ciphers: TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305
      default_pool_ciphers: TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305
      tls1_3_supported_ciphers: TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256
      tls_cipher_prohibit_list: DES-CBC3-SHA:AES128-SHA
      default_listener_alpn_protocols:
        - h2
        - http/1.1
        - http/1.0
      default_pool_alpn_protocols:
        - h2
        - http/1.1
        - http/1.0
    oslo_middleware:
      enable_proxy_headers_parsing: false
      max_request_body_size: 114689
    healthcheck:
      enabled: true
      refresh_interval: 6
      backends:
        - octavia_db_check
      detailed: false
      disable_by_file_path: /etc/octavia/healthcheck_disable
      disable_by_file_paths:
        - 9876:/etc/octavia/healthcheck_disable
      enable_by_file_paths:
        - /etc/octavia/healthcheck_enable
      allowed_source_ranges:
        - 10.0.0.0/24
      ignore_proxied_requests: false
    cors:
      allowed_origin:
        - https://horizon.example.org
      allow_credentials: true
      expose_headers:
        - X-Auth-Token
        - X-Openstack-Request-Id
      max_age: 3601
      allow_methods:
        - GET
        - PUT
        - POST
        - DELETE
      allow_headers:
        - X-Auth-Token
        - X-Openstack-Request-Id
    audit:
      enabled: true
      map: "[DEFAULT]"
      ignore_req_list:
        - GET
        - HEAD
    quotas:
      load_balancer: -1
      listener: -1
      pool: -1
      member: -1
      health_monitor: -1
      l7policy: -1
      l7rule: -1
  manager:
    enabled: true
    components:
      - worker
      - health_manager
      - housekeeping
    syslog:
      enabled: true
      port: 10515
      directory: /srv/octavia-amphora
      days: 30
    controller_worker:
      amp_flavor_id: 11111111-2222-3333-4444-000000000001
      amp_image_tag: amphora
      amp_image_owner_id: 11111111222233334444000000000003
      amp_boot_network_list:
        - 11111111-2222-3333-4444-000000000003
      amp_secgroup_list:
        - 11111111-2222-3333-4444-000000000004
      amp_ssh_key_name: octavia_ssh_key
      image_driver: image_glance_driver
      volume_driver: volume_noop_driver
      client_ca: /etc/octavia/certs/client_ca.cert.pem
      workers: 2
      amp_active_retries: 31
      amp_active_wait_sec: 11
      amp_timezone: UTC
      amphora_delete_retries: 6
      amphora_delete_retry_interval: 6
      statistics_drivers:
        - stats_db
      event_notifications: true
      db_commit_retry_attempts: 2001
      db_commit_retry_initial_delay: 2
      db_commit_retry_backoff: 2
      db_commit_retry_max: 6
    compute:
      max_retries: 16
      retry_interval: 2
      retry_backoff: 2
      retry_max: 11
    task_flow:
      engine: parallel
      max_workers: 6
      disable_revert: false
    jobboard:
      enabled: true
      backend_hosts:
        - 10.0.0.41
        - 10.0.0.42
      persistence_connection: mysql+pymysql://octavia:fake@db.example.org/octavia_persistence
      backend_driver: redis_taskflow_driver
      backend_port: 6380
      backend_username: octavia
      backend_password: fake-jobboard-fake-jobboard
      backend_namespace: octavia_jobboard
      expiration_time: 31
      save_logbook: false
      redis_backend_db: 1
      redis_backend_ssl_options:
        ssl: true
        ssl_ca_certs: /etc/ssl/certs/ca-certificates.crt
      redis_sentinel: octavia
      redis_sentinel_username: octavia
      redis_sentinel_password: fake-sentinel-fake-sentinel
      redis_sentinel_ssl_options:
        ssl: true
        ssl_ca_certs: /etc/ssl/certs/ca-certificates.crt
      zookeeper_ssl_options:
        use_ssl: true
        keyfile: /etc/octavia/tls/zk.key.pem
        keyfile_password: fake
        certfile: /etc/octavia/tls/zk.cert.pem
      etcd_ssl_options:
        use_ssl: true
        ca_cert: /etc/ssl/certs/ca-certificates.crt
      etcd_timeout: 11
      etcd_api_path: /v3/
    certificates:
      ca_certificate: /etc/octavia/certs/server_ca.cert.pem
      ca_private_key: /etc/octavia/certs/server_ca.key.pem
      ca_private_key_passphrase: fake-ca-passphrase-fake-ca-passphrase
    haproxy_amphora:
      client_cert_all: /etc/octavia/certs/client.cert-and-key.pem
      server_ca: /etc/octavia/certs/server_ca.cert.pem
      bind_port: 9444
      lb_network_interface: o-hm0
      connection_max_retries: 121
      connection_retry_interval: 6
      active_connection_max_retries: 16
      active_connection_retry_interval: 3
      failover_connection_max_retries: 3
      failover_connection_retry_interval: 6
      rest_request_conn_timeout: 11
      rest_request_read_timeout: 61
      build_rate_limit: -1
      build_active_retries: 121
      build_retry_interval: 6
      api_db_commit_retry_attempts: 16
      api_db_commit_retry_initial_delay: 2
      api_db_commit_retry_backoff: 2
      api_db_commit_retry_max: 6
      default_connection_limit: 50001
      haproxy_stick_size: 10k
      template: "global"
      connection_logging: true
      user_log_format: '%f %ci %cp %t %{+Q}r %ST %B %U %[ssl_c_verify] %{+Q}[ssl_c_s_dn] %b %s %Tt %tsc'
    amphora_agent:
      agent_request_read_timeout: 181
      agent_tls_protocol: TLSv1.2
      admin_log_targets:
        - 10.0.0.31:10514
        - 10.0.0.32:10514
      tenant_log_targets:
        - 10.0.0.31:10514
      administrative_log_facility: 2
      user_log_facility: 1
      log_protocol: UDP
      log_retry_count: 6
      log_retry_interval: 3
      log_queue_size: 10001
      logging_template_override: /etc/octavia/rsyslog/10-rsyslog.conf.template
      forward_all_logs: false
      disable_local_log_storage: false
    keepalived_vrrp:
      vrrp_advert_int: 2
      vrrp_check_interval: 6
      vrrp_fail_count: 3
      vrrp_success_count: 3
      vrrp_garp_refresh_interval: 6
      vrrp_garp_refresh_count: 3
    health_manager:
      heartbeat_key: fake-heartbeat-fake-heartbeat
      bind_ip: 0.0.0.0
      bind_port: 5556
      controller_ip_port_list:
        - 172.16.0.11:5555
        - 172.16.0.12:5555
        - 172.16.0.13
      controllers: 3
      heartbeat_interval: 11
      heartbeat_timeout: 61
      health_check_interval: 4
      failover_threads: 11
      failover_threshold: 21
      health_update_threads: 5
      stats_update_threads: 5
      sock_rlimit: 1
    house_keeping:
      cleanup_interval: 31
      amphora_expiry_age: 604801
      load_balancer_expiry_age: 604801
      cert_interval: 3601
      cert_expiry_buffer: 1209601
      cert_rotate_threads: 11
    ssh:
      private_key_file: /etc/octavia/.ssh/octavia_ssh_key
      user: octavia
      group: octavia
  driver_agent:
    enabled: true
    enabled_provider_agents:
      - ovn
    provider_agent_shutdown_timeout: 61
    status_socket_path: /var/run/octavia/status.sock
    stats_socket_path: /var/run/octavia/stats.sock
    get_socket_path: /var/run/octavia/get.sock
    status_request_timeout: 6
    stats_request_timeout: 6
    get_request_timeout: 6
    status_max_processes: 51
    stats_max_processes: 51
    get_max_processes: 51
    max_process_warning_percent: 0.75
  dashboard:
    enabled: true
  client:
    enabled: true
  monitoring:
    enabled: true
    interval: 30
    textfile_directory: /srv/node-exporter
    error_log_rate: 0.5
    failovers_per_hour: 9
