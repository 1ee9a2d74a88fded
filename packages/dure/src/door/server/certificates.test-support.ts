import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { keyText, newKeys, openAuthority } from '../../identity/internal.ts'

const DAY = 86_400_000

export type CertificateFiles = {
  readonly certificateFile: string
  readonly keyFile: string
  readonly ca: string
  /** Puts another certificate, and its key, in the place of those before. */
  readonly replace: (name: string) => void
  /** Only the certificate: its key is still the old one. */
  readonly replaceHalf: (name: string) => void
}

/** A certificate in files, of an authority of its own. */
export function certificateFiles(t: TestContext, name: string): CertificateFiles {
  const directory = mkdtempSync(join(tmpdir(), 'dure-door-tls-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const authority = openAuthority({ directory, system: 'shop', clock: { now: Date.now } })
  const [certificateFile, keyFile] = [join(directory, 'door.crt'), join(directory, 'door.key')]
  const made = (of: string) => {
    const { publicKey, privateKey } = newKeys()
    return { certificate: authority.issue({ names: [of], publicKey, life: DAY }), key: keyText(privateKey) }
  }
  const replace = (of: string): void => {
    const { certificate, key } = made(of)
    writeFileSync(certificateFile, certificate)
    writeFileSync(keyFile, key)
  }
  replace(name)
  const replaceHalf = (of: string): void => writeFileSync(certificateFile, made(of).certificate)
  return { certificateFile, keyFile, ca: authority.roots, replace, replaceHalf }
}
