"""The image of amphorae: uploaded once, whole, the only one with the tag, whenever a run ends."""

import hashlib
import http.server
import threading

import pytest
from fake_cloud import PROJECT, FakeCloud
from formula import GONE, Host, changed, shared
from salt.exceptions import CommandExecutionError

EMPTY = hashlib.sha256(b"").hexdigest()


def sha256(text):
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path, shared())
    host.cloud_side = FakeCloud(host)
    return host


def say(host, content=b"one", **answers):
    """The pillar with an image of this content."""
    path = host.root / "amphora.qcow2"
    path.write_bytes(content)
    answers = {"resources:image:file": str(path), "resources:image:checksum": sha256(content), **answers}
    host.tree.update(changed(host.tree, **answers))


def apply(host, test=False):
    host.again()
    (entry,) = host.image.wanted()
    assert (entry["kind"], entry["function"]) == ("image", "octavia_image.image_present")
    return host.image.image_present(
        entry["name"], entry["want"], entry["project"], entry["key"], test=test
    )  # fmt: skip


def images(host):
    return host.cloud_side.of("image")


def tagged(host):
    return [each["id"] for each in images(host) if "amphora" in each["tags"]]


# --- what is said


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("algorithm", ["md5", "sha256", "sha512"])
def test_a_checksum_says_its_algorithm_or_shows_it(host, algorithm, named):
    digits = hashlib.new(algorithm, b"x").hexdigest()
    assert host.image.checksum(f"{algorithm}:{digits}" if named else digits.upper()) == f"{algorithm}:{digits}"


@pytest.mark.parametrize("text", [None, "", "abc", f"md5:{EMPTY}", f"sha256:{EMPTY[:-1]}z", f"sha1:{'0' * 40}"])
def test_what_is_no_checksum_is_one_line(host, text):
    with pytest.raises(CommandExecutionError, match="^octavia:resources:image:checksum: needs a checksum"):
        host.image.checksum(text, "octavia:resources:image:checksum")


def test_a_file_without_a_checksum_is_refused_before_anything_is_made(host):
    say(host, **{"resources:image:checksum": None})
    with pytest.raises(CommandExecutionError, match="^octavia:resources:image:checksum: needs a checksum"):
        apply(host)
    assert images(host) == []


@pytest.mark.parametrize(("key", "value"), [("min_disk", 4), ("min_ram", 2048), ("build:size", 5)])
def test_an_image_that_no_amphora_could_boot_is_refused(host, key, value):
    say(host, **{
        f"resources:image:{key}": value, "resources:image:build:enabled": key == "build:size",
        "manager:controller_worker:amp_flavor_id": GONE,
    })  # fmt: skip
    with pytest.raises(CommandExecutionError) as caught:
        host.image.wanted()
    assert str(caught.value).startswith(f"octavia:resources:image:{key}: is {value} ") and "flavor" in str(caught.value)
    # one that somebody else has made is what it is
    say(host, **{"manager:controller_worker:amp_flavor_id": "65"})
    assert host.image.wanted()


# --- one image


def test_an_image_is_uploaded_and_tagged_and_a_second_run_changes_nothing(host):
    say(host, **{"resources:image:properties": {"os_distro": "debian"}})
    dry = apply(host, test=True)
    assert host.cloud_side.calls == []
    found = apply(host)
    assert found["changes"] == dry["changes"]
    assert found["changes"]["image amphora"]["new"]["checksum"] == sha256(b"one")
    assert found["changes"]["tag amphora"] == {"old": [], "new": [sha256(b"one")]}
    (image,) = images(host)
    assert (image["status"], image["tags"], image["owner"], image["visibility"]) == (
        "active", ["amphora"], PROJECT, "private",
    )  # fmt: skip
    assert image["hw_architecture"] == "x86_64" and image["os_distro"] == "debian"
    host.cloud_side.calls.clear()
    assert apply(host)["changes"] == {}
    assert host.cloud_side.calls == []


def test_a_converged_run_does_not_read_the_file(host):
    say(host)
    apply(host)
    (host.root / "amphora.qcow2").unlink()
    assert apply(host)["changes"] == {}


def test_a_file_that_is_another_one_is_not_uploaded(host):
    say(host, **{"resources:image:checksum": EMPTY})
    with pytest.raises(CommandExecutionError, match=r"^octavia:resources:image:file: .* has the checksum sha256:"):
        apply(host)
    assert images(host) == []


def test_an_image_that_somebody_else_uploaded_is_tagged_and_not_sent_again(host):
    content = b"theirs"
    say(host, content, **{"resources:image:checksum": hashlib.sha512(content).hexdigest()})
    theirs = {
        "id": "t1", "name": "amphora", "status": "active", "tags": [], "owner": PROJECT, "visibility": "private",
        "disk_format": "qcow2", "container_format": "bare", "min_disk": 0, "min_ram": 0, "os_hash_algo": "sha512",
        "os_hash_value": hashlib.sha512(content).hexdigest(), "hw_architecture": "x86_64", "hw_rng_model": "virtio",
    }  # fmt: skip
    images(host).append(theirs)
    assert list(apply(host)["changes"]) == ["tag amphora"]
    assert tagged(host) == ["t1"] and ("upload", "content") not in host.cloud_side.calls


def test_drift_is_named_and_mended(host):
    say(host)
    apply(host)
    (image,) = images(host)
    image.update(hw_architecture="i686", min_disk=9, name="other")
    wanted = {"image amphora": {
        "old": {"hw_architecture": "i686", "min_disk": 9, "name": "other"},
        "new": {"hw_architecture": "x86_64", "min_disk": 0, "name": "amphora"},
    }}  # fmt: skip
    assert apply(host, test=True)["changes"] == wanted
    assert apply(host)["changes"] == wanted
    assert apply(host)["changes"] == {}


def test_a_format_is_not_changed(host):
    say(host)
    apply(host)
    say(host, **{"resources:image:disk_format": "raw"})
    with pytest.raises(CommandExecutionError, match=r"^octavia:resources:image:disk_format: Glance has this image"):
        apply(host)


def test_without_a_source_the_image_of_somebody_else_will_do(host):
    images(host).append({"id": "i1", "name": "theirs", "status": "active", "tags": ["amphora"], "owner": PROJECT})
    assert apply(host) == {"changes": {}, "comment": "image theirs has the tag amphora", "id": "i1"}


def test_without_a_source_and_without_an_image_one_line_says_how_to_give_one(host):
    with pytest.raises(CommandExecutionError) as caught:
        apply(host)
    assert str(caught.value) == (
        "octavia:resources:image: no image of project service has the tag amphora, and nothing says where to get one: "
        "set octavia:resources:image:file or url with checksum, or octavia:resources:image:build:enabled"
    )


def test_without_a_source_two_images_are_one_too_many(host):
    for name in ("i1", "i2"):
        images(host).append({"id": name, "name": name, "status": "active", "tags": ["amphora"], "owner": PROJECT})
    with pytest.raises(CommandExecutionError, match="2 images of project service have the tag amphora.*: i1, i2: "):
        apply(host)


# --- another image


def test_a_new_image_takes_the_tag_and_one_old_one_is_kept(host):
    kept = []
    for content in (b"one", b"two", b"three"):
        say(host, content)
        found = apply(host)
        assert found["changes"]["tag amphora"] == {"old": kept[-1:], "new": [sha256(content)]}
        assert tagged(host) == [found["id"]]
        kept.append(found["id"])
        assert apply(host)["changes"] == {}
    assert [each["id"] for each in images(host)] == kept[1:]
    assert found["changes"][f"image amphora {kept[0]}"] == {"old": {"status": "active"}, "new": None}


def test_back_to_an_old_image_that_was_kept_nothing_is_uploaded(host):
    for content in (b"one", b"two"):
        say(host, content)
        apply(host)
    first = images(host)[0]["id"]
    say(host, b"one")
    host.cloud_side.calls.clear()
    assert list(apply(host)["changes"]) == ["tag amphora"]
    assert tagged(host) == [first] and ("upload", "content") not in host.cloud_side.calls


def test_an_old_image_that_servers_use_stays(host):
    say(host, b"one", **{"resources:image:keep": 0})
    old = apply(host)["id"]
    host.cloud_side.of("server").append({"id": "s1", "name": "amphora-1", "image": {"id": old}})
    host.cloud_side.of("server").append({"id": "s2", "name": "from a volume", "image": ""})
    say(host, b"two")
    found = apply(host)
    assert f"image {old} stays, since servers use it" in found["comment"]
    assert len(images(host)) == 2 and apply(host)["changes"] == {}
    host.cloud_side.of("server").clear()
    assert list(apply(host)["changes"]) == [f"image amphora {old}"]


def test_an_old_image_that_glance_will_not_give_up_stays(host):
    say(host, b"one", **{"resources:image:keep": 0})
    apply(host)
    images(host)[0]["busy"] = True
    say(host, b"two")
    found = apply(host)
    assert len(images(host)) == 2 and "stays, since it is in use" in found["comment"]


def test_images_of_others_lose_the_tag_and_stay(host):
    images(host).append(
        {"id": "old", "name": "hand-made", "status": "active", "tags": ["amphora", "x"], "owner": PROJECT}
    )
    say(host, **{"resources:image:keep": 0})
    assert apply(host)["changes"]["tag amphora"]["old"] == ["old"]
    assert images(host)[0]["tags"] == ["x"] and len(tagged(host)) == 1


# --- runs that ended early


def test_an_upload_that_failed_is_finished_by_the_next_run_in_the_same_image(host):
    say(host)
    host.cloud_side.fail = "CloudError: Glance at http://g does not answer"
    with pytest.raises(CommandExecutionError, match="^Glance at http://g does not answer"):
        apply(host)
    (half,) = images(host)
    assert half["status"] == "queued" and tagged(host) == []
    found = apply(host)
    assert found["id"] == half["id"] and tagged(host) == [half["id"]] and len(images(host)) == 1


def test_an_upload_of_which_glance_is_not_rid_is_made_anew_and_taken_away(host, monkeypatch):
    say(host)
    apply(host)
    (image,) = images(host)
    image.update(status="saving", tags=[])
    assert apply(host)["id"] != image["id"]
    assert len(images(host)) == 1 == len(tagged(host))


def test_an_answer_that_was_lost_is_no_failure(host):
    say(host)
    host.cloud_side.fail, host.cloud_side.left = "CloudError: Glance at http://g does not answer", "active"
    assert apply(host)["changes"] and len(tagged(host)) == 1 == len(images(host))


def test_what_glance_got_wrong_is_taken_away(host, monkeypatch):
    say(host)

    def short(one, file):
        one.update(status="active", os_hash_algo="sha512", os_hash_value="0" * 128)

    monkeypatch.setattr(host.cloud_side, "_fill", short)
    with pytest.raises(CommandExecutionError, match="^octavia:resources:image:file: Glance has got something else"):
        apply(host)
    assert images(host) == []


def test_an_image_that_was_sent_but_never_compared_is_compared_before_it_gets_the_tag(host):
    say(host)
    apply(host)
    (image,) = images(host)
    image.update(tags=[], os_hash_value="0" * 128)
    found = apply(host)
    assert found["id"] != image["id"] and [each["id"] for each in images(host)] == [found["id"]] == tagged(host)


# --- kernel and ramdisk


def with_parts(host, kernel=b"kernel", ramdisk=b"ramdisk"):
    answers = {}
    for part, content in (("kernel", kernel), ("ramdisk", ramdisk)):
        path = host.root / f"amphora.{part}"
        path.write_bytes(content)
        answers[f"resources:image:{part}:file"] = str(path)
        answers[f"resources:image:{part}:checksum"] = sha256(content)
    say(host, **answers)


def test_an_image_without_a_boot_loader_brings_kernel_and_ramdisk(host):
    with_parts(host)
    assert set(apply(host)["changes"]) == {
        "image amphora", "image amphora-kernel", "image amphora-ramdisk", "tag amphora",
    }  # fmt: skip
    by_name = {each["name"]: each for each in images(host)}
    assert by_name["amphora-kernel"]["container_format"] == "aki"
    assert by_name["amphora"]["kernel_id"] == by_name["amphora-kernel"]["id"]
    assert by_name["amphora"]["ramdisk_id"] == by_name["amphora-ramdisk"]["id"]
    assert apply(host)["changes"] == {}


def test_another_kernel_takes_the_place_of_the_old_one(host):
    with_parts(host)
    apply(host)
    with_parts(host, kernel=b"newer")
    apply(host)
    assert sorted(each["name"] for each in images(host)) == ["amphora", "amphora-kernel", "amphora-ramdisk"]
    assert apply(host)["changes"] == {}


def test_all_that_is_ours_goes_and_nothing_else(host):
    images(host).append({"id": "old", "name": "amphora", "status": "active", "tags": [], "owner": PROJECT})
    with_parts(host)
    apply(host)
    dry = host.image.image_absent("amphora", project="service", test=True)
    assert len(dry["changes"]) == 3 and len(images(host)) == 4
    assert host.image.image_absent("amphora", project="service", test=False)["changes"] == dry["changes"]
    assert [each["id"] for each in images(host)] == ["old"]


# --- from the web


@pytest.fixture
def web():
    """A server of one file; `asked` counts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        content, status, asked = b"from afar", 200, 0

        def do_GET(self):
            Handler.asked += 1
            self.send_response(self.status)
            self.send_header("Content-Length", str(len(self.content)))
            self.end_headers()
            self.wfile.write(self.content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        Handler.url = f"http://user:secret@127.0.0.1:{server.server_port}/amphora.qcow2?token=secret"
        yield Handler
        server.shutdown()


def afar(host, web, want=None):
    answers = {"resources:image:url": web.url, "resources:image:checksum": want or sha256(web.content)}
    host.tree.update(changed(host.tree, **answers))


def test_an_image_comes_from_the_web_once_and_leaves_nothing_behind(host, web):
    afar(host, web)
    assert apply(host)["changes"] and apply(host)["changes"] == {}
    assert web.asked == 1 and len(tagged(host)) == 1
    assert [each for each in (host.root / "lib" / "image").iterdir()] == []


@pytest.mark.parametrize(("status", "want"), [(404, None), (200, EMPTY)])
def test_what_is_wrong_with_the_web_is_one_line_without_a_secret(host, web, status, want):
    web.status = status
    afar(host, web, want)
    with pytest.raises(CommandExecutionError) as caught:
        apply(host)
    line = str(caught.value)
    assert line.startswith("octavia:resources:image:url: http://127.0.0.1:") and "secret" not in line
    assert images(host) == [] and list((host.root / "lib" / "image").iterdir()) == []


def test_a_server_that_is_not_there_is_one_line(host, web):
    afar(host, web)
    host.tree["octavia"]["resources"]["image"]["url"] = "http://user:secret@127.0.0.1:1/a"
    with pytest.raises(CommandExecutionError, match=r"^octavia:resources:image:url: http://127.0.0.1:1/a cannot be"):
        apply(host)
