"""
Keep the image of amphorae in Glance as it shall be.
"""


def image_present(
    name, checksum, file=None, url=None, tag="amphora", project=None, keep=1, kernel=None, ramdisk=None,
    disk_format="qcow2", container_format="bare", visibility="private", min_disk=0, min_ram=0, properties=None,
    cloud_name=None,
):  # fmt: skip
    """
    Ensure that an image is in Glance, whole, and that no other one of the project has its tag. One that is there is
    known by its checksum, and not uploaded again; a run that was killed is finished by the next one.

    name
        Of the image. Older ones may have the same.

    file, url, checksum
        A file of this host, or a URL (http or https), and its checksum: sha256, sha512 or md5.

    tag
        Octavia's.

    project
        Name or id of the project that owns it; that of who asks by default.

    keep
        How many older ones stay, untagged.

    kernel, ramdisk
        For an image without a boot loader: mappings of ``file`` or ``url``, and ``checksum``.

    disk_format, container_format, visibility, min_disk, min_ram, properties
        As Glance has them.

    cloud_name
        Who asks, as ``octavia_cloud`` has it.

    .. code-block:: yaml

        amphora_image:
          octavia_image.image_present:
            - name: amphora
            - file: /srv/images/amphora.qcow2
            - checksum: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            - project: service
            - cloud_name: admin_identity
    """
    fields = {
        "disk_format": disk_format, "container_format": container_format, "visibility": visibility,
        "min_disk": min_disk, "min_ram": min_ram, **{field: str(value) for field, value in (properties or {}).items()},
    }  # fmt: skip
    source = {"file": file} if file else {"url": url}
    want = {"tag": tag, "keep": keep, "fields": fields, "source": {**source, "checksum": checksum, "key": name}}
    parts = {"kernel": kernel, "ramdisk": ramdisk}
    want.update({part: {**source, "key": f"{name}:{part}"} for part, source in parts.items() if source})
    return _seen_to(name, "octavia_image.image_present", name, want, project=project, cloud_name=cloud_name)


def image_absent(name, project=None, cloud_name=None):
    """
    Ensure that no image of ours is there, whatever its name: old ones, kernels and ramdisks too. Those of others stay.

    name
        Any text.

    project, cloud_name
        As for ``image_present``.

    .. code-block:: yaml

        amphora_images_gone:
          octavia_image.image_absent:
            - name: amphora
            - project: service
            - cloud_name: admin_identity
    """
    return _seen_to(name, "octavia_image.image_absent", name, None, project=project, cloud_name=cloud_name)


def _seen_to(name, function, *args, **kwargs):
    return __salt__["octavia_ensure.seen_to"](name, function, *args, **kwargs, test=__opts__["test"], saltenv=__env__)
