import { createPrivateKey, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { keyText, newKeys, openAuthority, type Authority } from '../../identity/internal.ts'
import type { LiveTls, Tls } from './socket.ts'

const DAY = 86_400_000

export type Signing = {
  readonly authority: Authority
  readonly tls: (names: readonly string[]) => Tls
  readonly rootKey: () => KeyObject
}

/** An authority of the system "shop", whose clock is off by so many milliseconds. */
export function signing(t: TestContext, off = 0): Signing {
  const directory = mkdtempSync(join(tmpdir(), 'dure-identity-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const authority = openAuthority({ directory, system: 'shop', clock: { now: () => Date.now() + off } })
  return {
    authority,
    rootKey: () => createPrivateKey(readFileSync(join(authority.folder, 'issuer.key'), 'utf8')),
    tls: (names) => {
      const { publicKey, privateKey } = newKeys()
      return { cert: authority.issue({ names, publicKey, life: DAY }), key: keyText(privateKey), ca: authority.roots }
    },
  }
}

/** Certificates that are replaced when the test says so. */
export function replaceable(first: Tls): LiveTls & { readonly replace: (by: Tls) => void } {
  const told = new Set<() => void>()
  let current = first
  return {
    current: () => current,
    changed: (tell) => {
      told.add(tell)
      return { stop: () => void told.delete(tell) }
    },
    replace: (by) => {
      current = by
      for (const tell of [...told]) tell()
    },
  }
}
