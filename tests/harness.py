"""
What the tests share beside fixtures: the checkout, its pillars, and a Salt minion inside this process.
"""

import copy
import functools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
PILLARS = ROOT / "tests" / "pillar"
#: What Salt sees of the checkout; tests/ is never in a file root.
TREE = ("octavia", "_modules", "_states")


def states():
    """Every SLS of the formula, by the name that `state.apply` takes."""
    paths = (ROOT / "octavia").rglob("*.sls")
    return sorted(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".init") for path in paths)


@functools.cache
def readme():
    """The README as docutils reads it, whose warnings are errors: it halts on them with its own message."""
    import docutils.utils
    from docutils.core import publish_doctree

    path = ROOT / "README.rst"
    settings = {"halt_level": docutils.utils.Reporter.WARNING_LEVEL, "report_level": 5}
    return publish_doctree(path.read_text(), source_path=str(path), settings_overrides=settings)


# --- pillars


def pillar_files():
    """Every pillar that a test or a reader may use, pillar.example included."""
    return [*sorted(PILLARS.glob("*.sls")), ROOT / "pillar.example"]


class Pem:
    """A key and its certificate, made once per run: no private key is ever committed."""

    _made = None

    @classmethod
    def texts(cls):
        if cls._made is None:
            from cryptography import x509
            from cryptography.hazmat.primitives import hashes, serialization
            from cryptography.hazmat.primitives.asymmetric import rsa

            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "octavia test")])
            now = datetime.now(UTC)
            certificate = (
                x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
                .not_valid_before(now - timedelta(hours=1))
                .not_valid_after(now + timedelta(days=30))
                .sign(key, hashes.SHA256())
            )
            pem = serialization.Encoding.PEM
            cls._made = {
                "PRIVATE_KEY": key.private_bytes(
                    pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
                ).decode(),
                "CERTIFICATE": certificate.public_bytes(pem).decode(),
            }
        return cls._made


class Made:
    """A certificate of another maker and its key as PEM, with these extensions and no others."""

    def __init__(self, name, *extensions, by=None, private=None, begins=-1, ends=30, passphrase=None):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        self.private = private or ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now, issuer, public = datetime.now(UTC), by or self, self.private.public_key()
        builder = (
            x509.CertificateBuilder(issuer.subject, self.subject, public, x509.random_serial_number())
            .not_valid_before(now + timedelta(days=begins))
            .not_valid_after(now + timedelta(days=ends))
        )
        identifiers = (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier)
        for each in extensions:
            builder = builder.add_extension(each, critical=not isinstance(each, identifiers))
        digest = hashes.SHA256() if hasattr(issuer.private, "key_size") else None
        pem = serialization.Encoding.PEM
        self.certificate = builder.sign(issuer.private, digest).public_bytes(pem).decode()
        lock = (
            serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        )
        self.key = self.private.private_bytes(pem, serialization.PrivateFormat.PKCS8, lock).decode()


class Issued(Made):
    """A certificate and its key as PEM, as they should be: of an authority of its own, or `by` another Issued."""

    def __init__(self, name, by=None, days=30, authority=True, passphrase=None, begins=-100, names=()):
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        private = ec.generate_private_key(ec.SECP256R1())
        issuer = by.private if by else private
        extensions = [
            x509.BasicConstraints(ca=authority, path_length=None),
            x509.SubjectKeyIdentifier.from_public_key(private.public_key()),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()),
        ]
        if authority:
            extensions.append(x509.KeyUsage(*(use == 5 for use in range(9))))
        if names:
            extensions.append(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]))
        super().__init__(name, *extensions, by=by, private=private, begins=begins, ends=days, passphrase=passphrase)


def pillar_text(pillar):
    """The text of a pillar file: from a path (markers such as @PRIVATE_KEY@ filled in) or from a dict."""
    if not isinstance(pillar, Path):
        return "#!yaml\n" + yaml.safe_dump(pillar)

    def fill(match):
        lines = Pem.texts()[match["name"]].splitlines()
        return "\n".join(match["indent"] + line for line in lines)

    return re.sub(r"^(?P<indent> +)@(?P<name>PRIVATE_KEY|CERTIFICATE)@$", fill, pillar.read_text(), flags=re.M)


# --- a minion


class Minion:
    """
    A Salt minion inside this process, without a master and without a daemon.

    Its file root holds what a minion gets from us and nothing else, its cache is new, and it never syncs
    custom modules: an SLS that needs one while rendering fails here as it fails on a fresh host.
    """

    _grains = {}

    def __init__(self, home, pillar, grains=None, config=None):
        files, pillars = home / "files", home / "pillar"
        files.mkdir(parents=True)
        pillars.mkdir()
        for name in TREE:
            (files / name).symlink_to(ROOT / name)
        (files / "top.sls").write_text("base:\n  '*':\n    - octavia\n")
        (pillars / "top.sls").write_text("base:\n  '*':\n    - octavia\n")
        (pillars / "octavia.sls").write_text(pillar_text(pillar))

        import salt.client
        import salt.config
        import salt.loader

        settings = {
            "id": "minion",
            "root_dir": str(home),
            "file_client": "local",
            "file_roots": {"base": [str(files)]},
            "pillar_roots": {"base": [str(pillars)]},
            "log_file": str(home / "minion.log"),
            "autoload_dynamic_modules": False,
            "enable_fqdns_grains": False,
            "disable_grains": ["esxi", "napalm", "junos"],
        } | (config or {})
        (home / "minion").write_text(yaml.safe_dump(settings))
        opts = salt.config.minion_config(str(home / "minion"))
        if not self._grains:
            self._grains.update(salt.loader.grains(opts))
        opts["grains"] = copy.deepcopy(self._grains) | (grains or {})
        self.caller = salt.client.Caller(mopts=opts)
        self.opts = self.caller.opts
        self.pillar = self.opts["pillar"]

    def call(self, function, *args, **kwargs):
        return self.caller.cmd(function, *args, **kwargs)

    def show_low_sls(self, sls):
        """
        The low chunks of one SLS, or an AssertionError with Salt's own words.

        What ``state.show_low_sls`` does, with one compiler for all calls: a new one takes five times as long
        as most of our files.
        """
        compiler = self._compiler
        compiler.building_highstate = type(compiler.building_highstate)()  # or it adds to the last one
        compiler.push_active()
        try:
            high, errors = compiler.render_highstate({"base": [sls]})
        finally:
            compiler.pop_active()
        errors += compiler.state.verify_high(high)
        assert not errors, f"{sls}: {errors}"
        low = compiler.state.compile_high_data(high)
        if isinstance(low, tuple):  # since 3008: (low, errors)
            low, errors = low
            assert not errors, f"{sls}: {errors}"
        return low

    @functools.cached_property
    def _compiler(self):
        import salt.state

        return salt.state.HighState(self.opts, initial_pillar=self.pillar)

    def meta(self, name):
        """What a file of octavia/meta says to an SLS that includes it, as those of formulas of monitoring do."""
        from salt.template import compile_template

        path = ROOT / "octavia" / "meta" / f"{name}.yml"
        rend = self._compiler.state.rend
        return compile_template(str(path), rend, "jinja|yaml", [], [], saltenv="base", sls="octavia.meta") or {}

    def show_highstate(self):
        """ID -> declaration of everything that the top file assigns, or an AssertionError."""
        high = self.call("state.show_highstate")
        assert isinstance(high, dict), high
        return high
