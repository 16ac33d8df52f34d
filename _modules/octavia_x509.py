"""
The certificates between Octavia's controllers and its amphorae, and that of its API: made, described and judged, as
texts in PEM.

A set of them is a dict by file name: ``server_ca.cert.pem`` and ``server_ca.key.pem`` sign the certificates of
amphorae, ``client_ca.cert.pem`` and ``client_ca.key.pem`` that of the controllers, ``client.cert-and-key.pem``, which
has its key behind it. A file of authorities may hold several: the first is the one that signs, all are trusted.
Nothing here writes to the host, and ``read`` alone looks at it.
"""

import contextlib
import datetime
import hashlib
import importlib.util
import ipaddress

from salt.exceptions import CommandExecutionError

SERVER_CA, SERVER_KEY = "server_ca.cert.pem", "server_ca.key.pem"
CLIENT_CA, CLIENT_KEY = "client_ca.cert.pem", "client_ca.key.pem"
CLIENT = "client.cert-and-key.pem"

# Kinds of key, as an operator says them.
KEYS = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-256", "ec-384", "ec-521")

# Clocks of controllers and amphorae may differ.
_SKEW = datetime.timedelta(hours=1)

_SUBJECT = {
    "country": "COUNTRY_NAME",
    "state": "STATE_OR_PROVINCE_NAME",
    "locality": "LOCALITY_NAME",
    "organization": "ORGANIZATION_NAME",
    "unit": "ORGANIZATIONAL_UNIT_NAME",
}


def _now():
    return datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017 Salt 3006 brings Python 3.10


def _pem():
    """octavia/host/pem.py, with which the gate judges files too."""
    if "octavia_x509.pem" not in __context__:
        path = __salt__["cp.cache_file"]("salt://octavia/host/pem.py", __opts__.get("saltenv") or "base")
        if not path:
            raise CommandExecutionError("salt://octavia/host/pem.py is not on the file server")
        spec = importlib.util.spec_from_file_location("octavia_host_pem", path)
        __context__["octavia_x509.pem"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(__context__["octavia_x509.pem"])
    return __context__["octavia_x509.pem"]


# --- made


def authority(name, passphrase=None, key="rsa-4096", days=3650, subject=None):
    """
    Return a new authority, as ``{"cert": text, "key": text}``.

    name
        Common name. Authorities that follow one another must not share one: where certificates have no identifiers of
        keys, as those of amphorae before Octavia 19, the name alone tells who signed them.

    passphrase
        Encrypts the key. Not from a command line, which others see.

    key
        ``rsa-2048``, ``rsa-3072``, ``rsa-4096``, ``ec-256``, ``ec-384`` or ``ec-521``.

    days
        For how long it is valid.

    subject
        The rest of its name: ``country``, ``state``, ``locality``, ``organization``, ``unit``.

    Raises CommandExecutionError when no certificate can be made of these.

    CLI Example:

    .. code-block:: bash

        salt-call --local octavia_x509.authority "Octavia server CA" key=ec-384
    """
    from cryptography import x509

    private = _private(key)
    known = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    named = _name(name, subject)
    builder = (
        _builder(private.public_key(), named, named, _end(days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known), critical=False)
    )
    return {"cert": _signed(builder, private), "key": _text(private, passphrase)}


def client(name, cert, private, passphrase=None, key="rsa-4096", days=365, subject=None, names=()):
    """
    Return a new certificate of a TLS client with its key behind it, as one text.

    name, subject, key, days
        As for ``authority``.

    cert, private, passphrase
        The authority that signs, its key, and what opens that. Others see a command line: on a shared host call it
        from Python only.

    names
        Subject alternative names: host names and addresses.

    It ends no later than its authority. Raises CommandExecutionError when the authority's key does not open, when it
    is not that of its certificate, when the authority may not sign today, and when no certificate can be made of the
    rest.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_x509.client octavia "$(cat client_ca.cert.pem)" "$(cat client_ca.key.pem)"
    """
    from cryptography import x509

    pem = _pem()
    try:
        issuer = _certificates(cert)[0]
        signer = pem.key(private.encode(errors="replace"), passphrase)
    except pem.Bad as bad:
        raise CommandExecutionError(f"the authority that is to sign {bad}") from None
    if not pem.belong(issuer, signer):
        raise CommandExecutionError("the authority that is to sign has a key that is not its own")
    for what in (*_dated(issuer), *_unfit_authority(issuer)):
        raise CommandExecutionError(f"the authority that is to sign {what}")
    own = _private(key)
    end = min(_end(days), pem.moment(issuer, "not_valid_after"))
    builder = (
        _builder(own.public_key(), _name(name, subject), issuer.subject, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature", *(["key_encipherment"] if key[:3] == "rsa" else [])), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(_issuer_identifier(issuer), critical=False)
    )
    if names:
        names = [names] if isinstance(names, str) else names
        builder = builder.add_extension(x509.SubjectAlternativeName([*map(_general, names)]), critical=False)
    return _signed(builder, signer) + _text(own)


def _private(kind):
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if kind not in KEYS:
        raise CommandExecutionError(f"{kind!r} is no kind of key: one of {', '.join(KEYS)}")
    size = int(kind.partition("-")[2])
    if kind.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=size)
    return ec.generate_private_key({256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}[size]())


def _name(common, subject):
    from cryptography import x509

    if unknown := sorted({*map(str, subject or ())} - {*_SUBJECT}):
        raise CommandExecutionError(f"the subject of a certificate: {unknown[0]} is none of {', '.join(_SUBJECT)}")
    parts = [
        (getattr(x509.oid.NameOID, oid), str(subject[part]))
        for part, oid in _SUBJECT.items()
        if part in (subject or {})
    ]
    try:
        return x509.Name([x509.NameAttribute(*part) for part in [*parts, (x509.oid.NameOID.COMMON_NAME, str(common))]])
    except ValueError as exc:
        raise CommandExecutionError(f"the subject of a certificate: {exc}") from exc


def _end(days):
    try:
        if days > 0:
            return _now() + datetime.timedelta(days=days)
    except (TypeError, ValueError, OverflowError):
        pass
    raise CommandExecutionError(f"{days!r} is no number of days for which a certificate is valid")


def _builder(public, named, issuer, end):
    from cryptography import x509

    return (
        x509.CertificateBuilder(issuer, named, public, x509.random_serial_number())
        .not_valid_before(_now() - _SKEW)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*allowed):
    from cryptography import x509

    all_of_them = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{usage: usage in allowed for usage in all_of_them})


def _issuer_identifier(issuer):
    """What the issuer calls its key, which need not be what one would make of it."""
    from cryptography import x509

    try:
        known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)


def _general(name):
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(str(name)))
    except ValueError:
        pass
    try:
        return x509.DNSName(str(name))
    except ValueError:
        raise CommandExecutionError(f"{name!r} is neither a host name nor an address") from None


def _signed(builder, private):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    if not hasattr(private, "key_size"):
        digest = None  # Ed25519 and the like bring their own
    elif hasattr(private, "curve") and private.key_size > 256:
        digest = hashes.SHA384()
    else:
        digest = hashes.SHA256()
    return builder.sign(private, digest).public_bytes(Encoding.PEM).decode()


def _text(private, passphrase=None):
    from cryptography.hazmat.primitives import serialization as form

    try:
        lock = form.BestAvailableEncryption(passphrase.encode()) if passphrase else form.NoEncryption()
        return private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock).decode()
    except (AttributeError, ValueError):
        raise CommandExecutionError("the passphrase of a key must be a text of 1023 bytes or less") from None


# --- described


def read(path, user):
    """
    Return the text of a file as a user reads it; as root where there is no such user yet. It may hold a key: meant for
    other modules.

    path, user
        Of the file; the name of the user.

    Raises CommandExecutionError when that user cannot read it.

    CLI Example:

    .. code-block:: bash

        salt-call --out=quiet octavia_x509.read /etc/octavia/certs/api.cert.pem octavia
    """
    try:
        return _pem().Files(user, {}).read(path).decode(errors="replace")
    except _pem().Bad as bad:
        raise CommandExecutionError(str(bad)) from None


def facts(text):
    """
    Return what the certificates of a text say, as a list of dicts: ``subject``, ``issuer``, ``begins`` and ``ends``
    (ISO, UTC), ``days`` that are left, ``key`` (its kind), ``key_id`` (a digest of the public key), ``names``.

    text
        Certificates in PEM; private keys among them are passed over.

    Raises CommandExecutionError when there is none, or a broken one.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_x509.facts "$(cat /etc/octavia/certs/server_ca.cert.pem)"
    """
    try:
        return [_facts(certificate) for certificate in _certificates(text)]
    except _pem().Bad as bad:
        raise CommandExecutionError(str(bad)) from None


def _certificates(text):
    """Those of a text, with what cryptography parses late found broken at once."""
    found = _pem().certificates(text.encode(errors="replace"))
    for certificate in found:
        try:
            _facts(certificate)
        except Exception:  # noqa: BLE001 as many as there are parsers
            raise _pem().Bad("holds a broken certificate") from None
    return found


def _facts(certificate):
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = certificate.public_key()
    encoded = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        named = ()
    end = _pem().moment(certificate, "not_valid_after")
    kind = type(public).__name__.strip("_").removesuffix("PublicKey").lower()
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "begins": _pem().moment(certificate, "not_valid_before").isoformat(),
        "ends": end.isoformat(),
        "days": (end - _now()) / datetime.timedelta(days=1),
        "key": f"{kind}-{public.key_size}" if hasattr(public, "key_size") else kind,
        "key_id": hashlib.sha256(encoded).hexdigest()[:16],
        "names": [str(name.value) for name in named],
    }


def due(text, authority, name, key="rsa-4096", subject=None, names=(), renew_before_days=30):
    """
    Return why a client's certificate is to be issued anew, as one line; None where it is not.

    text, authority
        The certificate, None for none yet, and the one that is to have signed it.

    name, key, subject, names
        As for ``client``: what the certificate should say.

    renew_before_days
        It is due so many days before its end.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_x509.due "" "$(cat /etc/octavia/certs/client_ca.cert.pem)" octavia
    """
    if not text:
        return "there is none yet"
    pem = _pem()
    try:
        own, issuer = pem.certificates(text.encode())[0], pem.certificates(authority.encode())[0]
        belongs = pem.belong(own, pem.key(text.encode()))
    except pem.Bad as bad:
        return f"it {bad}"
    said = _facts(own)
    if not belongs or not pem.issued_by(own, [issuer]):
        return "it is not signed by the authority" if belongs else "its key is another one"
    if said["days"] < renew_before_days:
        return f"it ends on {said['ends'][:10]}"
    if own.subject != _name(name, subject) or said["names"] != [*map(str, names)]:
        return "its names are others"
    return None if said["key"] == key else f"its key is {said['key']}"


def view(material):
    """
    Return who trusts whom in a set of certificates, by ``key_id``: ``server`` and ``client``, the authorities in their
    order, and ``issuer``, the one of them that has signed the client's certificate. None where a part is missing.

    material
        Texts by file name.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_x509.view '{}'
    """
    pem = _pem()
    try:
        server, authorities, own = (
            pem.certificates(material[each].encode(errors="replace")) for each in (SERVER_CA, CLIENT_CA, CLIENT)
        )
    except (KeyError, pem.Bad):
        return None
    signed = [each for each in authorities if _chain(own, [each])]
    return {
        "server": [_facts(each)["key_id"] for each in server],
        "client": [_facts(each)["key_id"] for each in authorities],
        "issuer": _facts(signed[0])["key_id"] if signed else None,
    }


# --- judged


def faults(material, passphrase=None):
    """
    Return what is wrong with a set of certificates, as a list of ``[file name, end of a sentence]``.

    material
        Texts by file name; those that are not there are not judged.

    passphrase
        Of the keys of authorities.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_x509.faults '{server_ca.cert.pem: "no certificate"}'
    """
    found, parsed = [], {}
    pem = _pem()

    def parse(name, what, how, *more):
        if name in material:
            try:
                parsed[name, what] = how(material[name], *more)
            except pem.Bad as bad:
                found.append([name, str(bad)])

    def key(text, passphrase=None):
        return pem.key(text.encode(errors="replace"), passphrase)

    for name in (SERVER_CA, CLIENT_CA, CLIENT):
        parse(name, "certificates", _certificates)
    parse(SERVER_KEY, "key", key, passphrase)
    parse(CLIENT_KEY, "key", key, passphrase)
    parse(CLIENT, "key", key)

    for name, keeper in ((SERVER_CA, SERVER_KEY), (CLIENT_CA, CLIENT_KEY), (CLIENT, CLIENT)):
        chain, private = parsed.get((name, "certificates"), ()), parsed.get((keeper, "key"))
        # of authorities those behind the first may be on their way out
        found += [[name, what] for certificate in chain[:1] for what in _dated(certificate)]
        if chain and private and not pem.belong(chain[0], private):
            whose = "that certificate" if keeper == name else name
            found.append([keeper, f"is not the key of {whose}"])
    for name in (SERVER_CA, CLIENT_CA):
        found += [[name, what] for each in parsed.get((name, "certificates"), ()) for what in _unfit_authority(each)]
        found += [[name, what] for what in _namesakes(parsed.get((name, "certificates"), ()))]
    own = parsed.get((CLIENT, "certificates"), ())[:1]
    ours, theirs = (parsed.get((name, "certificates"), ()) for name in (CLIENT_CA, SERVER_CA))
    for certificate in own:
        found += [[CLIENT, what] for what in _unfit(certificate, "clients")]
        if ours and not _chain(parsed[CLIENT, "certificates"], ours):
            wrong = f", but by that of {SERVER_CA}" if pem.issued_by(certificate, theirs) else ""
            found.append([CLIENT, f"is not signed by an authority of {CLIENT_CA}{wrong}"])
    return found


def server_faults(cert, key):
    """
    Return what is wrong with the certificate and the key of a TLS server, as a list of ``[cert or key, end of a
    sentence]``. Whether its clients trust it is not known here.

    cert
        The certificate, and behind it those that lead to its authority.

    key
        Its private key, without passphrase. Others see a command line: on a shared host call it from Python only.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_x509.server_faults "$(cat api.cert.pem)" "$(cat api.key.pem)"
    """
    pem, found, own, private = _pem(), [], None, None
    try:
        own = _certificates(cert)[0]
    except pem.Bad as bad:
        found.append(["cert", str(bad)])
    try:
        private = pem.key(key.encode(errors="replace"))
    except pem.Bad as bad:
        found.append(["key", str(bad)])
    if own:
        found += [["cert", what] for what in (*_dated(own), *_unfit(own, "servers"))]
    if own and private and not pem.belong(own, private):
        found.append(["key", "is not the key of the certificate"])
    return found


def warnings(material):
    """
    Return which certificates of a set newer TLS refuses, as ``faults`` does. Since Python 3.13 it wants what RFC 5280
    asks for: identifiers of keys, and authorities that say what they are. Amphorae and controllers have a Python each.

    material
        Texts by file name; those that are not there, or are none, are passed over.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_x509.warnings '{client_ca.cert.pem: "no certificate"}'
    """
    found = []
    for name in (SERVER_CA, CLIENT_CA, CLIENT):
        chain = ()
        with contextlib.suppress(KeyError, _pem().Bad):
            chain = _certificates(material[name])
        for number, certificate in enumerate(chain):
            missing = [] if name == CLIENT and not number else [*_missing_of_authority(certificate)]
            if name == CLIENT and not _issuer_key(certificate):
                missing.append("authorityKeyIdentifier")
            if missing:
                what = f"holds {_shown(certificate)} without {', '.join(missing)}"
                found.append([name, f"{what}: TLS of Python 3.13 and newer refuses it"])
    return found


def _missing_of_authority(certificate):
    from cryptography import x509

    extensions = {extension.oid: extension for extension in certificate.extensions}
    constraints = extensions.get(x509.BasicConstraints.oid)
    if not constraints or not constraints.critical:
        yield "critical basicConstraints"
    if x509.KeyUsage.oid not in extensions:
        yield "keyUsage"
    if x509.SubjectKeyIdentifier.oid not in extensions:
        yield "subjectKeyIdentifier"


def _issuer_key(certificate):
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None


def _dated(certificate):
    if ended := _pem().expired(certificate):
        yield f"holds a certificate that expired on {ended}"
    if begins := _pem().early(certificate):
        yield f"holds a certificate that is not valid before {begins}"


def _unfit_authority(certificate):
    from cryptography import x509

    name = _shown(certificate)
    if not _pem().is_authority(certificate):
        yield f"holds {name}, which is no authority"
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.key_cert_sign:
        yield f"holds {name}, which may not sign certificates"


def _shown(certificate):
    """A stranger's name ends up on a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in certificate.subject.rfc4514_string())


def _namesakes(chain):
    names = [(each.subject, _facts(each)["key_id"]) for each in chain]
    if len({name for name, _key in names}) < len({*names}):
        yield "holds authorities of one name with different keys, which certificates without key identifiers mix up"


def _unfit(certificate, who):
    """What speaks against a certificate of TLS ``clients`` or ``servers``."""
    from cryptography import x509

    usage = x509.oid.ExtendedKeyUsageOID
    purpose = {"clients": usage.CLIENT_AUTH, "servers": usage.SERVER_AUTH}[who]
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if purpose not in purposes:
        yield f"holds a certificate that is not for TLS {who} (extendedKeyUsage)"


def _chain(chain, authorities):
    """Whether a chain ends at an authority; the certificates between follow the first."""
    for number, certificate in enumerate(chain):
        if _pem().issued_by(certificate, authorities):
            return True
        if number + 1 == len(chain) or not _pem().issued_by(certificate, chain[number + 1 : number + 2]):
            return False
    return False
