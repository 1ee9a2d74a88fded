/** The one secret that copies of an authorization server share, and what is made of it. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder, type Runtime } from 'dure/runtime'

const SHORTEST = 32
const NONCE = 12
const TAG = 16

export type Secret = {
  /** Of a text, what only who has the secret can tell from chance. Base64url. */
  readonly derive: (label: string, text: string) => string
  /** Sealed under a name: it opens under no other. */
  readonly seal: (name: string, text: string) => string
  /** @throws {Error} when it was sealed with another secret, under another name, or changed */
  readonly open: (name: string, sealed: string) => string
}

export function createSecret(secret: string, runtime: Pick<Runtime, 'random'>): Secret {
  if (secret.length < SHORTEST)
    throw new TypeError(
      `Cannot keep keys with a "secret" of ${secret.length} characters; give at least ${SHORTEST}, made by chance: openssl rand -base64 32`,
    )
  const keyFor = (label: string): Buffer => Buffer.from(hkdfSync('sha256', secret, '', `dure/auth ${label}`, 32))
  const sealing = keyFor('seal')
  const deriving = new Map<string, Buffer>()
  return {
    derive: (label, text) => {
      const key = deriving.get(label) ?? keyFor(label)
      deriving.set(label, key)
      return createHmac('sha256', key).update(text).digest('base64url')
    },
    seal: (name, text) => {
      const nonce = Buffer.from(runtime.random.fill(new Uint8Array(NONCE)))
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce).setAAD(Buffer.from(name))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
    },
    open: (name, sealed) => {
      const bytes = Buffer.from(sealed, 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(0, NONCE)).setAAD(Buffer.from(name))
      decipher.setAuthTag(bytes.subarray(NONCE, NONCE + TAG))
      return Buffer.concat([decipher.update(bytes.subarray(NONCE + TAG)), decipher.final()]).toString('utf8')
    },
  }
}

/**
 * The secret of this directory: a file that its owner alone can read, made by whoever starts first.
 * @throws {Error} when others can read it
 */
export function secretIn(directory: string, runtime: Pick<Runtime, 'random' | 'ids'>): string {
  const file = join(directory, 'auth.secret')
  makeFolder(directory)
  const mine = `${file}.${runtime.ids.next()}`
  try {
    // Whole, or not there: another process that starts now must not read half of it.
    writeFileSync(mine, Buffer.from(runtime.random.fill(new Uint8Array(32))).toString('base64url'), { mode: 0o600, flag: 'wx' })
    linkSync(mine, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(mine, { force: true })
  }
  const mode = statSync(file).mode & 0o777
  if (process.platform !== 'win32' && (mode & 0o077) !== 0)
    throw new Error(
      `Cannot use the secret in "${file}": others can read it (mode ${mode.toString(8)}); say chmod 600, and if somebody may have read it, make another`,
    )
  return readFileSync(file, 'utf8').trim()
}
