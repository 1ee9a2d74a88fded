"""An auditor's own check, written from docs/guides/audit.md alone. Each line of its input is a question as JSON, each line of its
output "ok" or what is wrong. A question has "verifier" and "checkpoint", and may have what "dure audit prove --json" prints: line, index, hashes.
With "personal" (name, salt in hexadecimal, value) it also looks whether the line has been written with that value."""
import hashlib
import json
import sys
from base64 import b64decode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def checkpoint_of(note, verifier):
    name, key_id, key = verifier.split("+", 2)
    key = b64decode(key)
    assert key[:1] == b"\x01", "the key is not of Ed25519"
    text, _, signatures = note.partition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = b64decode(signature)
        if dash == "\u2014" and signer == name and signature[:4].hex() == key_id:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
            origin, size, root = text.splitlines()[:3]
            assert origin == name, "it is the checkpoint of another log"
            return int(size), b64decode(root)
    raise AssertionError("nobody of that key has signed it")


def root_from(line, index, size, hashes):
    """Split at the largest power of two below the size: the hashes are those beside the way, the lowest first."""
    if size == 1:
        assert not hashes, "there are more hashes than the way is long"
        return sha256(b"\x00", line.encode())
    assert hashes, "there are fewer hashes than the way is long"
    half = 1 << ((size - 1).bit_length() - 1)
    *lower, beside = hashes
    if index < half:
        return sha256(b"\x01", root_from(line, index, half, lower), beside)
    return sha256(b"\x01", beside, root_from(line, index - half, size - half, lower))


def judge(question):
    size, root = checkpoint_of(question["checkpoint"], question["verifier"])
    if "line" in question:
        hashes = [b64decode(one) for one in question["hashes"]]
        assert 0 <= question["index"] < size, "the log is shorter"
        assert root_from(question["line"], question["index"], size, hashes) == root, "the line is not in the log"
    if "personal" in question:
        said = json.loads(question["line"])["personal"]
        one = question["personal"]
        assert sha256(bytes.fromhex(one["salt"]), one["value"].encode()).hex() == said[one["name"]], "it is another value"
    return "ok"


for text in sys.stdin:
    try:
        print(judge(json.loads(text)))
    except InvalidSignature:
        print("the signature is not of that key")
    except (AssertionError, ValueError, KeyError) as wrong:
        print(f"{type(wrong).__name__}: {wrong}")
