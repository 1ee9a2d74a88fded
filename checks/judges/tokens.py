"""Access tokens as jwcrypto makes them: keys, good tokens and bad ones as JSON. Words: issuer, audience."""
import json
import sys
import time

from jwcrypto import jwk, jwt
from jwcrypto.common import base64url_encode

issuer, audience = sys.argv[1:3]
now = int(time.time())
pairs = {
    "RS256": jwk.JWK.generate(kty="RSA", size=2048, kid="rsa", use="sig"),
    "PS256": None,
    "ES256": jwk.JWK.generate(kty="EC", crv="P-256", kid="ec", use="sig"),
    "EdDSA": jwk.JWK.generate(kty="OKP", crv="Ed25519", kid="ed", use="sig"),
}
pairs["PS256"] = pairs["RS256"]
claims = {
    "iss": issuer, "aud": audience, "sub": "ana", "client_id": "app", "scope": "orders:read", "roles": ["buyer"],
    "iat": now, "exp": now + 600,
}


def token(key, header, more=None):
    made = jwt.JWT(header={"typ": "at+jwt", **header}, claims={**claims, **(more or {})}, algs=[header["alg"]])
    made.make_signed_token(key)
    return made.serialize()


good = {alg: token(key, {"alg": alg, "kid": key.key_id}) for alg, key in pairs.items()}
good["aud list"] = token(pairs["ES256"], {"alg": "ES256", "kid": "ec"}, {"aud": ["other", audience]})
# The public key of RS256, used as if it were a secret that both sides have.
pem = pairs["RS256"].export_to_pem()
shared = jwk.JWK(kty="oct", k=base64url_encode(pem))
stranger = jwk.JWK.generate(kty="EC", crv="P-256", kid="ec")
bad = {
    "HS256 with the public key": token(shared, {"alg": "HS256", "kid": "rsa"}),
    "another key of the same id": token(stranger, {"alg": "ES256", "kid": "ec"}),
    "an identity token": token(pairs["ES256"], {"alg": "ES256", "kid": "ec", "typ": "JWT"}),
    "of another issuer": token(pairs["ES256"], {"alg": "ES256", "kid": "ec"}, {"iss": issuer + "/other"}),
    "for somebody else": token(pairs["ES256"], {"alg": "ES256", "kid": "ec"}, {"aud": "other"}),
    "ended": token(pairs["ES256"], {"alg": "ES256", "kid": "ec"}, {"exp": now - 60}),
    "not begun": token(pairs["ES256"], {"alg": "ES256", "kid": "ec"}, {"nbf": now + 60}),
}
keys = [json.loads(pairs[alg].export_public()) for alg in ("RS256", "ES256", "EdDSA")]
print(json.dumps({"keys": keys, "good": good, "bad": bad}))
