# What real amphorae need beside the services of `services`: images, a compute node, and Neutron's agents.
include:
  - cloud.order
  - cloud.databases
  - cloud.identity
  - cloud.placement
  - cloud.glance
  - cloud.neutron
  - cloud.nova
