import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { nameOf, pem, spkiOf } from './certificate.ts'
import { BITS, bits, der, integer, oid, parts, read, SEQUENCE, sequence, type Node } from './der.ts'

/** A request to be signed (PKCS #10): who asks, and that they have the key. */
export type SigningRequest = { readonly subject: string; readonly publicKey: KeyObject }

const ECDSA_SHA256 = oid('1.2.840.10045.4.3.2')
const COMMON_NAME = oid('2.5.4.3')
/** Bytes of the longest request that is read. */
const LONGEST = 16_384

/** @returns the request, as PEM */
export function requestOf(subject: string, keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }): string {
  const signed = sequence(integer(Buffer.of(0)), nameOf(subject), spkiOf(keys.publicKey), der(0xa0))
  return pem('CERTIFICATE REQUEST', sequence(signed, sequence(ECDSA_SHA256), bits(sign('sha256', signed, keys.privateKey))))
}

/**
 * Reads a request, and sees that whoever made it has the key.
 * @throws {TypeError} when it is none, or of another kind of key
 */
export function readRequest(text: string): SigningRequest {
  try {
    return checked(text)
  } catch (cause) {
    const { message } = cause as Error
    throw new TypeError(`Cannot read the request to be signed: ${lower(message)}; make one with "dure ca request"`, { cause })
  }
}

function checked(text: string): SigningRequest {
  const [, base64 = ''] =
    /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([\sA-Za-z0-9+/=]+)-----END/.exec(text.slice(0, LONGEST)) ?? []
  if (base64 === '') throw new RangeError('It has no CERTIFICATE REQUEST in PEM')
  const whole = Buffer.from(base64, 'base64')
  const outer = as(SEQUENCE, read(whole))
  if (outer.whole.length !== whole.length) throw new RangeError('It has more in it than a request')
  const [first, second, third] = parts(outer)
  const [signed, algorithm, signature] = [as(SEQUENCE, first), as(SEQUENCE, second), as(BITS, third)]
  const [, name, spki] = parts(signed)
  const publicKey = createPublicKey({ key: as(SEQUENCE, spki).whole, format: 'der', type: 'spki' })
  if (publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1' || !algorithm.body.equals(ECDSA_SHA256))
    throw new RangeError('It is not signed by a key of P-256 with SHA-256')
  if (signature.body[0] !== 0 || !verify('sha256', signed.whole, publicKey, signature.body.subarray(1)))
    throw new RangeError('Whoever made it does not have its key')
  return { subject: commonNameIn(as(SEQUENCE, name)), publicKey }
}

function commonNameIn(name: Node): string {
  for (const set of parts(name))
    for (const pair of parts(set)) {
      const [type, value] = parts(pair)
      if (type?.whole.equals(COMMON_NAME) && value !== undefined) return value.body.toString('utf8')
    }
  return ''
}

function as(tag: number, node: Node | undefined): Node {
  if (node?.tag !== tag) throw new RangeError('It is not in the form of a request')
  return node
}

const lower = (words: string): string => words.charAt(0).toLowerCase() + words.slice(1)
