"""
Keep flavors and key pairs in Nova as they shall be.
"""


def flavor_present(name, ram, vcpus, disk, public=False, extra_specs=None, project=None, cloud_name=None):
    """
    Ensure that a flavor is there, of this size. Nova cannot change a flavor: one of another size is refused, and
    another size needs another name.

    name
        Its name, or the id of one that is there.

    ram, vcpus, disk
        MiB, virtual processors, GiB.

    public
        Whether all projects may use it.

    extra_specs
        Those that are not said are left alone.

    project
        Name or id of the project that may use a private one.

    cloud_name
        Who asks, as ``octavia_cloud`` has it.

    .. code-block:: yaml

        amphora_flavor:
          octavia_compute.flavor_present:
            - name: amphora
            - ram: 1024
            - vcpus: 1
            - disk: 3
            - project: service
            - cloud_name: admin_identity
    """
    want = {"ram": ram, "vcpus": vcpus, "disk": disk, "os-flavor-access:is_public": public}
    if extra_specs:
        want["extra_specs"] = {spec: str(value) for spec, value in extra_specs.items()}
    return _seen_to(name, "octavia_compute.flavor_present", name, want, project, cloud_name=cloud_name)


def flavor_absent(name, cloud_name=None):
    """
    Ensure that a flavor is not there. Servers of it go on.

    name, cloud_name
        As for ``flavor_present``.

    .. code-block:: yaml

        old_amphora_flavor:
          octavia_compute.flavor_absent:
            - name: m1.amphora
            - cloud_name: admin_identity
    """
    return _seen_to(name, "octavia_ensure.absent", "flavor", name, cloud_name=cloud_name)


def keypair_present(name, public_key, user, replace=False, cloud_name=None):
    """
    Ensure that a user has a key pair.

    name
        Its name.

    public_key
        As it stands in an ``authorized_keys``.

    user
        Name or id of the user.

    replace
        Put this key in place of another one of that name, which is refused otherwise.

    cloud_name
        Who asks, as ``octavia_cloud`` has it.

    .. code-block:: yaml

        amphora_keypair:
          octavia_compute.keypair_present:
            - name: octavia_ssh_key
            - public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEn0
            - user: octavia
            - cloud_name: admin_identity
    """
    want = {"public_key": public_key, "user": user, "replace": replace}
    return _seen_to(name, "octavia_compute.keypair_present", name, want, key="replace", cloud_name=cloud_name)


def keypair_absent(name, user, cloud_name=None):
    """
    Ensure that a user has no key pair of that name. Servers that were made with it keep the key.

    name, user, cloud_name
        As for ``keypair_present``.

    .. code-block:: yaml

        old_amphora_keypair:
          octavia_compute.keypair_absent:
            - name: octavia_ssh_key
            - user: octavia
            - cloud_name: admin_identity
    """
    return _seen_to(name, "octavia_compute.keypair_absent", name, {"user": user}, cloud_name=cloud_name)


def _seen_to(name, function, *args, **kwargs):
    return __salt__["octavia_ensure.seen_to"](name, function, *args, **kwargs, test=__opts__["test"], saltenv=__env__)
