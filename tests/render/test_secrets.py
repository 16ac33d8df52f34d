"""The ways in which the README keeps certificates: an SDB, and a pillar that GPG encrypts, by Salt's own means."""

import re
import subprocess
import textwrap

import pytest
import yaml
from harness import ROOT, Issued, Minion

NAMES = ("server_ca.cert.pem", "server_ca.key.pem", "client_ca.cert.pem", "client.cert-and-key.pem")


@pytest.fixture(scope="module")
def texts():
    made = Issued("authority")
    return {name: made.key if "key" in name else made.certificate for name in NAMES}


def block(language, holding):
    """The block of the README that holds a text."""
    blocks = re.findall(rf"\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", (ROOT / "README.rst").read_text())
    return next(textwrap.dedent(each) for each in blocks if holding in each)


def certificates(minion):
    found = minion.pillar["octavia"]["certificates"]
    # GPG's renderer takes the last line break away, which the formula puts back
    return found["source"], {name: found[name].rstrip("\n") + "\n" for name in NAMES}


def write_pillar(home, text):
    """A pillar as it stands: a dict would go through YAML."""
    path = home / "pillar.sls"
    path.write_text(text)
    return path


def test_the_pillar_asks_the_sdb(tmp_path, texts):
    secrets = tmp_path / "octavia.yaml"
    secrets.write_text(yaml.safe_dump(texts))
    profile = yaml.safe_load(block("yaml", "driver: yaml"))["octavia"]
    config = {"octavia": {**profile, "files": [str(secrets)], "gpg": False}}
    minion = Minion(tmp_path / "root", write_pillar(tmp_path, block("jinja", "sdb.get")), config=config)
    assert certificates(minion) == ("pillar", texts)


def test_a_pillar_that_gpg_encrypts(tmp_path, texts):
    keys = tmp_path / "gpgkeys"
    keys.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(keys), "--batch", "--quiet", "--trust-model", "always"]
    subprocess.run([*gpg, "--passphrase", "", "--quick-generate-key", "salt", "rsa2048", "encr"], check=True)
    try:
        lines = block("yaml", "#!yaml|gpg").partition("    server_ca.key.pem")[0].rstrip("\n").splitlines()
        for name, text in texts.items():
            done = subprocess.run([*gpg, "-ear", "salt"], input=text, capture_output=True, text=True, check=True).stdout
            lines += [f"    {name}: |", *(f"      {line}" for line in done.splitlines())]
        pillar = write_pillar(tmp_path, "\n".join(lines) + "\n")
        minion = Minion(tmp_path / "root", pillar, config={"gpg_keydir": str(keys)})
    finally:
        subprocess.run(["gpgconf", "--homedir", str(keys), "--kill", "all"], check=True)
    assert certificates(minion) == ("pillar", texts)
