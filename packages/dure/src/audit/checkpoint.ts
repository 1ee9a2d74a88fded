import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'

/**
 * What a log says of itself at one size, signed: a checkpoint as C2SP's tlog-checkpoint has it, which is a signed note: three lines, an empty
 * one, and a line of signature.
 */
export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Buffer }

export type Signer = {
  readonly sign: (checkpoint: Checkpoint) => string
  /** What others check signatures by: `origin+hash+key`, as Go's `note.NewVerifier` takes it. */
  readonly verifier: string
}

const ED25519 = 1
/** What stands before an Ed25519 key in its SPKI form. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/** @throws {TypeError} when the key is none of Ed25519 */
export function createSigner(origin: string, key: string | KeyObject): Signer {
  let own: KeyObject
  try {
    own = typeof key === 'string' ? createPrivateKey(key) : key
  } catch {
    // What was wrong with it may have a part of it in its words.
    throw unusable()
  }
  if (own.type !== 'private' || own.asymmetricKeyType !== 'ed25519') throw unusable()
  const bytes = createPublicKey(own).export({ type: 'spki', format: 'der' }).subarray(SPKI.length)
  const id = keyId(origin, bytes)
  return {
    sign: (checkpoint) => {
      const text = textOf(checkpoint)
      const signature = Buffer.concat([id, sign(null, Buffer.from(text), own)])
      return `${text}\n\u2014 ${origin} ${signature.toString('base64')}\n`
    },
    verifier: `${origin}+${id.toString('hex')}+${Buffer.concat([Buffer.of(ED25519), bytes]).toString('base64')}`,
  }
}

/** The checkpoint of a note; undefined when it is none, or none that the verifier's key has signed. */
export function openCheckpoint(note: string, verifier: string): Checkpoint | undefined {
  const [, origin = '', hex = '', base64 = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+([\w+/=]+)$/.exec(verifier) ?? []
  const key = Buffer.from(base64, 'base64')
  const end = note.indexOf('\n\n\u2014 ')
  if (key.length !== 33 || key[0] !== ED25519 || end === -1) return undefined
  const text = note.slice(0, end + 1)
  const spki = createPublicKey({ key: Buffer.concat([SPKI, key.subarray(1)]), format: 'der', type: 'spki' })
  const signed = note
    .slice(end + 2)
    .split('\n')
    .some((line) => {
      const [dash, name, signature = ''] = line.split(' ')
      const bytes = Buffer.from(signature, 'base64')
      // Node reads past what is no Base64, and past the bits that its last letter has too many.
      if (bytes.toString('base64') !== signature) return false
      if (dash !== '\u2014' || name !== origin || bytes.subarray(0, 4).toString('hex') !== hex) return false
      return bytes.length === 68 && verify(null, Buffer.from(text), spki, bytes.subarray(4))
    })
  const [said, size = '', root = '', ...more] = text.split('\n')
  if (!signed || said !== origin || !/^(0|[1-9]\d{0,15})$/.test(size) || more.length === 0) return undefined
  const hash = Buffer.from(root, 'base64')
  return hash.length === 32 ? { origin, size: Number(size), root: hash } : undefined
}

function textOf({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`
}

function keyId(origin: string, key: Uint8Array): Buffer {
  return createHash('sha256').update(`${origin}\n`).update(Buffer.of(ED25519)).update(key).digest().subarray(0, 4)
}

function unusable(): TypeError {
  return new TypeError(
    'Cannot sign an audit log: its key is no private key of Ed25519 in PEM; make one with "openssl genpkey -algorithm ed25519"',
  )
}
