/**
 * The audit log's tree, worked out once more where it is read: RFC 6962's hashes and C2SP's signed checkpoints, by WebCrypto. Whoever
 * changed a line on the server would have to change this browser as well.
 */
export type RawLog = {
  readonly log: string
  readonly verifier: string
  readonly size: number
  readonly lines: readonly { readonly seq: number; readonly entry: string; readonly hash: string }[]
  readonly checkpoints: readonly { readonly size: number; readonly note: string }[]
}

export type Fault = { readonly seq: number; readonly what: 'changed' | 'removed' | 'moved' | 'checkpoint' }
export type Outcome = { readonly ok: true; readonly size: number } | { readonly ok: false; readonly fault: Fault }

const text = new TextEncoder()

async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', whole))
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at])

export function fromBase64(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (one) => one.charCodeAt(0))
  } catch {
    return new Uint8Array(0)
  }
}

/** A verifier that is fed pages of the log, in their order. */
export function logCheck(verifier: string): {
  readonly add: (page: RawLog) => Promise<Fault | undefined>
  readonly size: () => number
} {
  let frontier: readonly Uint8Array[] = []
  let next = 0
  const key = openKey(verifier)
  return {
    size: () => next,
    add: async ({ log, lines, checkpoints }) => {
      const notes = new Map(checkpoints.map(({ size, note }) => [size, note]))
      for (const { seq, entry, hash } of lines) {
        if (seq !== next) return { seq: next, what: 'removed' }
        const leaf = await sha256(Uint8Array.of(0), text.encode(entry))
        if (!same(leaf, fromBase64(hash))) return { seq, what: 'changed' }
        if (!saysItself(entry, log, seq)) return { seq, what: 'moved' }
        frontier = await grown(frontier, seq, leaf)
        next++
        const note = notes.get(next)
        const checkpoint = note === undefined ? undefined : await openCheckpoint(note, await key)
        if (checkpoint === undefined || checkpoint.size !== next) return { seq, what: 'checkpoint' }
        if (!same(checkpoint.root, await rootOf(frontier))) return { seq, what: 'changed' }
      }
      return undefined
    },
  }
}

function saysItself(entry: string, log: string, seq: number): boolean {
  try {
    const said = JSON.parse(entry) as { readonly log?: unknown; readonly seq?: unknown }
    return said.log === log && said.seq === seq
  } catch {
    return false
  }
}

/** One more leaf: complete subtrees of one size become one of the next. */
async function grown(frontier: readonly Uint8Array[], size: number, leaf: Uint8Array): Promise<readonly Uint8Array[]> {
  const next = [...frontier]
  let hash = leaf
  for (let at = size; at % 2 === 1; at = Math.floor(at / 2)) hash = await sha256(Uint8Array.of(1), next.pop()!, hash)
  next.push(hash)
  return next
}

async function rootOf(frontier: readonly Uint8Array[]): Promise<Uint8Array> {
  let root = frontier.at(-1)!
  for (let at = frontier.length - 2; at >= 0; at--) root = await sha256(Uint8Array.of(1), frontier[at]!, root)
  return root
}

type Key = { readonly origin: string; readonly id: Uint8Array; readonly key: CryptoKey }

async function openKey(verifier: string): Promise<Key | undefined> {
  const [, origin = '', hex = '', base64 = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+([\w+/=]+)$/.exec(verifier) ?? []
  const bytes = fromBase64(base64)
  if (bytes.length !== 33 || bytes[0] !== 1) return undefined
  const key = await crypto.subtle.importKey('raw', bytes.slice(1), 'Ed25519', false, ['verify'])
  return { origin, id: Uint8Array.from(hex.match(/../g)!, (pair) => Number.parseInt(pair, 16)), key }
}

async function openCheckpoint(
  note: string,
  key: Key | undefined,
): Promise<{ readonly size: number; readonly root: Uint8Array } | undefined> {
  const end = note.indexOf('\n\n\u2014 ')
  if (key === undefined || end === -1) return undefined
  const said = note.slice(0, end + 1)
  const [origin, size = '', root = ''] = said.split('\n')
  for (const line of note.slice(end + 2).split('\n')) {
    const [dash, name, signature = ''] = line.split(' ')
    const bytes = fromBase64(signature)
    if (dash !== '\u2014' || name !== key.origin || bytes.length !== 68 || !same(bytes.subarray(0, 4), key.id)) continue
    if (origin === key.origin && (await crypto.subtle.verify('Ed25519', key.key, bytes.slice(4), text.encode(said))))
      return { size: Number(size), root: fromBase64(root) }
  }
  return undefined
}
