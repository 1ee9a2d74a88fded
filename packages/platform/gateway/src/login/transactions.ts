/** Logins that have begun and not come back yet. The browser that began one has it, sealed: the gateway remembers none of them. */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { Runtime } from 'dure/runtime'
import { sessionCookie } from 'dure/session'

export type Transaction = {
  readonly state: string
  readonly nonce: string
  /** Of PKCE. */
  readonly verifier: string
  /** Where the browser wanted to go: a path with its query. */
  readonly to: string
}

export type Transactions = {
  /** @param cookies that the browser has */
  readonly begin: (to: string, cookies?: string) => { readonly transaction: Transaction; readonly cookie: string }
  /** The one of this state that this browser has begun; undefined: it has not, or too long ago. */
  readonly find: (cookies: string | undefined, state: string) => Transaction | undefined
  /** The value of `Set-Cookie` that takes it away. */
  readonly remove: (state: string) => string
  readonly names: readonly string[]
}

/** Of one browser at once: further tabs take the place of others. */
const PLACES = 8
const MOST_AGE = 10 * 60_000
/** Characters of a cookie that is looked at. */
const MOST_SEALED = 4_096
const NONCE_BYTES = 12
const TAG_BYTES = 16

export function createTransactions(options: {
  readonly clientId: string
  readonly clientSecret: string
  readonly issuer: string
  readonly secure: boolean
  readonly runtime: Pick<Runtime, 'clock' | 'random'>
}): Transactions {
  const { clientId, clientSecret, issuer, secure } = options
  const { clock, random } = options.runtime
  // All gateways of one client have the same.
  const key = Buffer.from(hkdfSync('sha256', clientSecret, `${issuer} ${clientId}`, 'dure gateway login', 32))
  const cookies = Array.from({ length: PLACES }, (_, i) => sessionCookie({ name: `login${i}`, secure }))
  /** A state begins with its place. */
  const placeOf = (state: string) => cookies[Number(state[0])] ?? cookies[0]!
  const draw = (bytes: number): string => Buffer.from(random.fill(new Uint8Array(bytes))).toString('base64url')

  const seal = (text: string): string => {
    const nonce = random.fill(new Uint8Array(NONCE_BYTES))
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
  }
  const open = (sealed: string): string | undefined => {
    if (sealed.length > MOST_SEALED) return undefined
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    try {
      return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)).toString('utf8') + decipher.final('utf8')
    } catch {
      return undefined
    }
  }
  return {
    begin: (to, header) => {
      const free = cookies.flatMap((cookie, i) => (cookie.read(header) === undefined ? [i] : []))
      const place = free.length === 0 ? random.integer(PLACES) : free[random.integer(free.length)]!
      const transaction: Transaction = { state: `${place}${draw(16)}`, nonce: draw(16), verifier: draw(32), to }
      const { state, nonce, verifier } = transaction
      const sealed = seal(JSON.stringify([state, nonce, verifier, to, clock.now()]))
      return { transaction, cookie: placeOf(state).write(sealed) }
    },
    find: (header, given) => {
      const text = open(placeOf(given).read(header) ?? '')
      if (text === undefined) return undefined
      // Nobody else can have sealed it.
      const [state, nonce, verifier, to, began] = JSON.parse(text) as [string, string, string, string, number]
      const age = clock.now() - began
      return state === given && age >= -MOST_AGE && age <= MOST_AGE ? { state, nonce, verifier, to } : undefined
    },
    remove: (state) => placeOf(state).remove(),
    names: cookies.map((cookie) => cookie.write('').split('=', 1)[0]!),
  }
}
