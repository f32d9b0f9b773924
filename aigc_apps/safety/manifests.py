"""Signed provenance inside a file: C2PA manifests ("content credentials").

A manifest says who made a file, with what, and that it came from a trained model; it is bound
to every byte of the file and signed, so a changed byte shows. It needs the extra ``safety``
(`c2pa-python` and `cryptography`). Without it, and for media that C2PA does not know (MIDI, WebM,
plain text), the plain metadata that scenarios write is all there is. Chapter 6.4 signs a film.

Signing is a step after generation, not a part of it: a signature is never twice the same, and
the same request and seed are to give the same bytes::

    signer = manifests.local_signer()
    content = manifests.sign(artifact.content, artifact.media_type, artifact.provenance, signer)
    manifests.read_manifest(content, artifact.media_type).intact   # False after a byte changed

The certificates are made here, so the chain proves that the file is unchanged since it was
signed with this key, and not who holds the key: a reader reports the signer as "untrusted". A shop
would have its certificate from an authority on the C2PA trust list.
"""

from __future__ import annotations

import datetime
import io
import json
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from aigc_apps.safety.provenance import Provenance, made_by_line

# What both the standard and the scenarios know; the library lists more.
MEDIA_TYPES = (
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/svg+xml",
    "audio/wav",
    "audio/mpeg",
    "audio/flac",
    "video/mp4",
)
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PROVENANCE_LABEL = "org.aigc-workbook.provenance"
_UNTRUSTED = "signingCredential.untrusted"  # our own root is on no list


@dataclass(frozen=True)
class LocalSigner:
    """A key and the chain of certificates that vouches for it, made on this machine.

    Attributes:
        chain: certificates in PEM, the signer's first, then the root's.
        key: the signer's private key in PEM; who has it can sign in this name.
    """

    chain: bytes
    key: bytes


@dataclass(frozen=True)
class Credentials:
    """What a manifest says, and whether the file is still what was signed.

    Attributes:
        intact: every hash and signature fits; a root that nobody trusts does not matter here.
        trusted: the signer's certificate leads to a root that the reader trusts.
        problems: codes of what does not fit, such as ``"assertion.dataHash.mismatch"``.
        provenance: what `sign` was given; None if the manifest is another's.
        generated: whether the file declares that a trained model made it.
    """

    intact: bool
    trusted: bool
    problems: tuple[str, ...]
    provenance: Provenance | None
    generated: bool


def signing_available() -> bool:
    """Whether the packages for signing are installed."""
    return find_spec("c2pa") is not None and find_spec("cryptography") is not None


def supports(media_type: str) -> bool:
    """Whether a file of this type can hold a manifest."""
    return media_type in MEDIA_TYPES


def local_signer(name: str = "AIGC workbook, a local key", days: int = 30) -> LocalSigner:
    """A new root certificate and a signer's certificate under it (ECDSA on P-256).

    Args:
        name: of the signer.
        days: for how long the certificates are valid.

    Raises:
        ValueError: if the packages are missing.
    """
    _need()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("AIGC workbook, a local root", root_key, None, root_key, days)
    leaf = _certificate(name, key, root, root_key, days)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return LocalSigner(chain=leaf.public_bytes(pem) + root.public_bytes(pem), key=private)


def sign(content: bytes, media_type: str, provenance: Provenance, signer: LocalSigner) -> bytes:
    """The same file with a signed manifest in it.

    Args:
        content: the file.
        media_type: one of `MEDIA_TYPES`.
        provenance: goes into the manifest whole.
        signer: from `local_signer`, or a key and chain of your own.

    Raises:
        ValueError: if the packages are missing, the type is unsupported, or the content is none.
    """
    _need()
    _check_type(media_type)
    import c2pa

    info = c2pa.C2paSignerInfo(
        alg=b"es256", sign_cert=signer.chain, private_key=signer.key, ta_url=None
    )
    target = io.BytesIO()
    try:
        manifest = json.dumps(_manifest(provenance, media_type))
        with _context() as context, c2pa.Builder(manifest, context) as builder:
            builder.sign(c2pa.Signer.from_info(info), media_type, io.BytesIO(content), target)
    except c2pa.C2paError as error:
        reason = str(error).splitlines()[0][:120]
        raise ValueError(
            f"These {len(content):,} bytes cannot be signed as {media_type}: check that they "
            f"are such a file. ({reason})"
        ) from error
    return target.getvalue()


def read_manifest(content: bytes, media_type: str) -> Credentials | None:
    """What the manifest in a file says, checked against the file; None if it holds none.

    Raises:
        ValueError: if the packages are missing or the type is unsupported.
    """
    _need()
    _check_type(media_type)
    import c2pa

    try:
        with _context() as context:
            reader = c2pa.Reader(media_type, io.BytesIO(content), context=context)
        with reader:
            report = json.loads(reader.json())
    except c2pa.C2paError as error:
        if "ManifestNotFound" in str(error):
            return None
        # The change hit the manifest itself, which then cannot even be parsed.
        return Credentials(False, False, (str(error).splitlines()[0][:120],), None, False)
    problems = tuple(item["code"] for item in report.get("validation_status", []))
    manifest = report["manifests"][report["active_manifest"]]
    assertions = {a["label"]: a["data"] for a in manifest.get("assertions", [])}
    return Credentials(
        intact=report.get("validation_state") in ("Valid", "Trusted")
        and not set(problems) - {_UNTRUSTED},
        trusted=report.get("validation_state") == "Trusted",
        problems=problems,
        provenance=_provenance(assertions.get(PROVENANCE_LABEL)),
        generated=SOURCE in json.dumps(assertions),
    )


def _context():
    """Settings: no thumbnail, which may outweigh the file, and nothing from the network."""
    import c2pa

    settings = {
        "builder": {"thumbnail": {"enabled": False}},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    return c2pa.Context(c2pa.Settings.from_dict(settings))


def _manifest(provenance: Provenance, media_type: str) -> dict[str, Any]:
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE}
    return {
        "claim_generator_info": [{"name": "aigc_utils", "version": provenance.version}],
        "title": made_by_line(provenance),
        "format": media_type,
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [created]}},
            {"label": PROVENANCE_LABEL, "data": provenance.model_dump(mode="json")},
        ],
    }


def _provenance(data: dict[str, Any] | None) -> Provenance | None:
    try:
        return Provenance.model_validate(data) if data else None
    except ValueError:  # somebody else's assertion under our label
        return None


def _certificate(name: str, key, issuer, issuer_key, days: int):
    """An X.509 certificate as C2PA 2 asks for it: a root if ``issuer`` is None, else a signer."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    root = issuer is None
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "AIGC workbook"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    now = datetime.datetime.now(datetime.UTC)
    usages = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage = x509.KeyUsage(digital_signature=not root, key_cert_sign=root, crl_sign=root, **usages)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if root else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
        )
    )
    if not root:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _need() -> None:
    if not signing_available():
        raise ValueError(
            "Signing needs c2pa-python and cryptography: type "
            "'pip install \"aigc-utils[safety]\"'; without it a file's plain metadata says where "
            "it comes from."
        )


def _check_type(media_type: str) -> None:
    if not supports(media_type):
        raise ValueError(
            f"A file of type {media_type!r} cannot hold a manifest: only "
            f"{', '.join(MEDIA_TYPES)} can."
        )
