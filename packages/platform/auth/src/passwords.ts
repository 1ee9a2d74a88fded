/** Passwords as argon2id hashes, in the form of the PHC: the parameters stand in the text, so that they can grow. */
import { argon2, timingSafeEqual } from 'node:crypto'
import { CallError } from 'dure/contract'
import type { Random } from 'dure/runtime'

/** What a hash takes: kibibytes, and how often all of them are gone through. */
export type PasswordCost = { readonly memory: number; readonly passes: number }

/** What OWASP advises: 19 MiB, two passes, one thread. */
const COST: PasswordCost = { memory: 19_456, passes: 2 }
const PARALLELISM = 1
const TAG = 32
const SALT = 16
/** Each takes 19 MiB and a thread of Node's pool; more wait, and beyond that nobody is made to wait. */
const AT_ONCE = 2
const WAITING = 64
/** A hash from elsewhere may ask for more than ours, and not for the whole machine. */
const MOST_MEMORY = 262_144
const MOST_PASSES = 16

type Parsed = {
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
  readonly salt: Buffer
  readonly tag: Buffer
}

export type Passwords = {
  /** @throws {CallError} RESOURCE_EXHAUSTED while too many are looked at */
  readonly hash: (password: string) => Promise<string>
  /** Takes as long where there is no hash. `outdated`: it was made with less than is asked for now. @throws {CallError} as `hash` does */
  readonly verify: (
    password: string,
    hash: string | undefined,
  ) => Promise<{ readonly right: boolean; readonly outdated: boolean }>
}

export function createPasswords(random: Random, cost: PasswordCost = COST): Passwords {
  const take = turns()
  const derive = (password: string, { memory, passes, parallelism, salt, tag }: Parsed): Promise<Buffer> =>
    take(
      () =>
        new Promise((resolve, reject) => {
          const asked = { message: plain(password), nonce: salt, parallelism, tagLength: tag.length, memory, passes }
          argon2('argon2id', asked, (error, made) => (error === null ? resolve(made) : reject(error)))
        }),
    )
  const fresh = (): Parsed => ({
    ...{ ...cost, parallelism: PARALLELISM, tag: Buffer.alloc(TAG) },
    salt: Buffer.from(random.fill(new Uint8Array(SALT))),
  })
  return {
    hash: async (password) => {
      const made = fresh()
      return shown({ ...made, tag: await derive(password, made) })
    },
    verify: async (password, hash) => {
      const known = (hash === undefined ? undefined : parsed(hash)) ?? fresh()
      const same = timingSafeEqual(await derive(password, known), known.tag)
      return { right: hash !== undefined && same, outdated: known.memory < cost.memory || known.passes < cost.passes }
    },
  }
}

/** The same letters typed on another keyboard are the same password. */
const plain = (password: string): Buffer => Buffer.from(password.normalize('NFKC'))

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')

const shown = ({ memory, passes, parallelism, salt, tag }: Parsed): string =>
  `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`

function parsed(text: string): Parsed | undefined {
  const found = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text)
  if (found === null) return undefined
  const [memory, passes, parallelism] = found.slice(1, 4).map(Number) as [number, number, number]
  const [salt, tag] = found.slice(4).map((part) => Buffer.from(part, 'base64')) as [Buffer, Buffer]
  const fits = memory <= MOST_MEMORY && memory >= 8 * parallelism && passes >= 1 && passes <= MOST_PASSES && parallelism >= 1
  return fits && salt.length >= 8 && tag.length >= 16 ? { memory, passes, parallelism, salt, tag } : undefined
}

/** A few at once, some more in a line, and a word to all others. */
function turns(): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const line: (() => void)[] = []
  return async (work) => {
    if (running >= AT_ONCE) {
      if (line.length >= WAITING)
        throw new CallError('RESOURCE_EXHAUSTED', 'Cannot look at a password now: too many others wait; try again in a moment')
      await new Promise<void>((resolve) => line.push(resolve))
    } else running++
    try {
      return await work()
    } finally {
      const next = line.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
