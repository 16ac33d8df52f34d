"""Files that an octavia.conf names, as the user of the services reads them: certificates and keys above all."""

import contextlib
import datetime
import os
import pwd
import re
import stat
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

# Salt's Python reads this file too (octavia_x509), and that of Salt 3006 is older than datetime.UTC.
UTC = datetime.timezone.utc  # noqa: UP017

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
KEY = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)


class Bad(Exception):
    """What is wrong with a file, as the end of a sentence that begins with its path."""


class Files:
    """
    Files as ``user`` reads them, or as ``contents``, ``{path: text}``, says that they are about to be. ``seen`` has
    those that were read, with the times of their last change.
    """

    def __init__(self, user, contents):
        self.user, self.contents, self.seen = user, contents, {}

    def read(self, path):
        """Return the bytes of a file; raises Bad."""
        if path in self.contents:
            return self.contents[path].encode(errors="replace")
        try:
            with _as(self.user):
                found = Path(path).stat()
                if not stat.S_ISREG(found.st_mode):
                    raise Bad("is not a file")
                self.seen[os.path.abspath(path)] = found.st_ctime_ns
                return Path(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise Bad("does not exist") from None
        except PermissionError:
            raise Bad(f"cannot be read by {self.user or 'root'}") from None
        except (OSError, ValueError):
            raise Bad("cannot be read") from None

    def writable(self, path):
        """Raise Bad unless this is a directory in which ``user`` can make files."""
        with _as(self.user):
            if not Path(path).is_dir():
                raise Bad("is not a directory")
            if not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
                raise Bad(f"cannot be written to by {self.user or 'root'}")


def certificates(data):
    """Return the certificates of a file; raises Bad, also when there is none."""
    try:
        found = [x509.load_pem_x509_certificate(block) for block in CERTIFICATE.findall(data)]
    except (ValueError, x509.InvalidVersion):
        raise Bad("holds a broken certificate") from None
    # OpenSSL refuses the whole file for one without its end, or without a line of its own
    if re.search(rb"-----END [A-Z ]+----------BEGIN ", data):
        raise Bad("holds a -----BEGIN that does not begin a line")
    if len(found) < data.count(b"-----BEGIN CERTIFICATE-----"):
        raise Bad("holds a broken certificate")
    if not found:
        raise Bad("holds no certificate in PEM format")
    return found


def authorities(data):
    """Raise Bad unless a file holds a certificate that is valid now; the rest of a large bundle is not read."""
    ends, begins = [], []
    for block in CERTIFICATE.finditer(data):
        (found,) = certificates(block[0])
        if not expired(found) and not early(found):
            return
        (ends if expired(found) else begins).append(expired(found) or early(found))
    if begins:
        raise Bad(f"holds no certificate that is valid before {min(begins)}")
    if not ends:
        certificates(data)
    raise Bad(f"holds only certificates that have expired, the last on {max(ends)}")


def key(data, passphrase=None):
    """Return the private key of a file; raises Bad."""
    found = KEY.search(data)
    if not found:
        broken = re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----", data)
        raise Bad("holds a broken private key" if broken else "holds no private key in PEM format")
    block = found[0]
    encrypted = b"ENCRYPTED" in block
    if encrypted and not passphrase:
        raise Bad("holds an encrypted private key, and there is no passphrase for it")
    if passphrase and not encrypted:
        raise Bad("holds a private key that is not encrypted, but there is a passphrase for it")
    try:
        return load_pem_private_key(block, passphrase.encode(errors="replace") if passphrase else None)
    except Exception:  # noqa: BLE001 several libraries are behind it
        raise Bad("does not open with the passphrase" if encrypted else "holds a broken private key") from None


def belong(certificate, private):
    """Whether a certificate is that of a private key."""
    ours, theirs = (
        each.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for each in (certificate.public_key(), private.public_key())
    )
    return ours == theirs


def expired(certificate):
    """Return the date on which a certificate ended, or None when it has not."""
    end = moment(certificate, "not_valid_after")
    return end.date().isoformat() if end < datetime.datetime.now(UTC) else None


def early(certificate):
    """Return the time at which a certificate will begin, or None when it has; the date alone may be today's."""
    begin = moment(certificate, "not_valid_before")
    return f"{begin:%Y-%m-%d %H:%M} UTC" if begin > datetime.datetime.now(UTC) else None


def moment(certificate, name):
    """When a certificate begins (``not_valid_before``) or ends (``not_valid_after``)."""
    # cryptography 42 and newer warn of dates without zone, older ones have no others.
    aware = f"{name}_utc"
    return getattr(certificate, aware if hasattr(certificate, aware) else name).replace(tzinfo=UTC)


def is_authority(certificate):
    """Whether a certificate may sign others, as OpenSSL sees it; one of version 1 knows no extension."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        kinds = [type(extension.value) for extension in certificate.extensions]
        return certificate.version is x509.Version.v1 or x509.KeyUsage in kinds


def issued_by(certificate, authorities):
    """Whether one of these signed a certificate."""
    named = [each for each in authorities if each.subject == certificate.issuer]
    if not hasattr(certificate, "verify_directly_issued_by"):  # cryptography 40
        return bool(named)
    for each in named:
        with contextlib.suppress(Exception):
            certificate.verify_directly_issued_by(each)
            return True
    return False


@contextlib.contextmanager
def _as(user):
    """With the rights of a user, if we may take them and there is such a user."""
    try:
        entry = pwd.getpwnam(user) if user and os.geteuid() == 0 else None
    except KeyError:
        entry = None
    if not entry:
        yield
        return
    groups = os.getgroups()
    try:
        os.setgroups(os.getgrouplist(user, entry.pw_gid))
        os.setegid(entry.pw_gid)
        os.seteuid(entry.pw_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
