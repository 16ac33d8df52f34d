# Such a host, from which all of it is to go again.
octavia:
  identity:
    host: keystone.example.org
    password: qHv5zl7yUkbTn0s2gRM9DpXa
  resources:
    enabled: false
    purge: true
