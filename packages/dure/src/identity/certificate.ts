import { createHash, createPublicKey, randomBytes, sign, type KeyObject } from 'node:crypto'
import { bits, der, integer, octets, oid, sequence, SET, text, time, TRUE } from './der.ts'

/** What a certificate says: ECDSA on P-256 with SHA-256 throughout. */
export type CertificateFields = {
  /** A name for people; programs go by `uris`. */
  readonly subject: string
  readonly publicKey: KeyObject
  /** Milliseconds of the wall clock. */
  readonly from: number
  readonly until: number
  readonly uris: readonly string[]
  /** Of an authority: how many others may follow below it. Undefined: a process. */
  readonly authorities: number | undefined
}

/** Who signs: itself, when it is its own issuer. */
export type Issuer = { readonly subject: string; readonly key: KeyObject }

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))
const COMMON_NAME = oid('2.5.4.3')
/** Longest common name that X.509 has. */
const LONGEST = 64

/** @returns a certificate of version 3, as PEM */
export function certificateOf(fields: CertificateFields, issuer: Issuer): string {
  const { subject, publicKey, from, until } = fields
  const signed = sequence(
    der(0xa0, integer(Buffer.of(2))),
    // 127 bits of chance, and never zero.
    integer(Buffer.concat([Buffer.of(0x40), randomBytes(15)])),
    ECDSA_SHA256,
    nameOf(issuer.subject),
    sequence(time(from), time(until)),
    nameOf(subject),
    spkiOf(publicKey),
    der(0xa3, sequence(...extensionsOf(fields, createPublicKey(issuer.key)))),
  )
  return pem('CERTIFICATE', sequence(signed, ECDSA_SHA256, bits(sign('sha256', signed, issuer.key))))
}

function extensionsOf({ publicKey, uris, authorities }: CertificateFields, issuer: KeyObject): readonly Buffer[] {
  const isAuthority = authorities !== undefined
  return [
    extension('2.5.29.19', true, isAuthority ? sequence(TRUE, integer(Buffer.of(authorities))) : sequence()),
    // keyCertSign and cRLSign; digitalSignature.
    extension('2.5.29.15', true, isAuthority ? bits(Buffer.of(0x06), 1) : bits(Buffer.of(0x80), 7)),
    ...(isAuthority ? [] : [extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2')))]),
    extension('2.5.29.17', false, sequence(...uris.map((uri) => der(0x86, Buffer.from(uri, 'ascii'))))),
    extension('2.5.29.14', false, octets(keyId(publicKey))),
    extension('2.5.29.35', false, sequence(der(0x80, keyId(issuer)))),
  ]
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [TRUE] : []), octets(value))
}

/** The same for a key wherever it stands, so that chains are found by it. */
function keyId(key: KeyObject): Buffer {
  return createHash('sha256').update(spkiOf(key)).digest().subarray(0, 20)
}

export function nameOf(commonName: string): Buffer {
  return sequence(der(SET, sequence(COMMON_NAME, text(commonName.slice(0, LONGEST)))))
}

export function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}

export function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
