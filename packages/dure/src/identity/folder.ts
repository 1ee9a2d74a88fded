import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../runtime/runtime.ts'

/** Files of an authority, in PEM. */
export type AuthorityFiles = {
  /** Who is trusted. */
  readonly 'ca.crt': string
  /** Who signs here, and those above it but for the first: sent along with each certificate, unless it is trusted itself. */
  readonly 'issuer.crt': string
  readonly 'issuer.key': string
}

const NAMES = ['ca.crt', 'issuer.crt', 'issuer.key'] as const

/** The authority's folder is not as it should be. */
export class AuthorityError extends Error {
  override readonly name = 'AuthorityError'
}

export function unusable(folder: string, why: string, options?: { readonly cause: unknown }): AuthorityError {
  return new AuthorityError(`Cannot use the certificate authority in "${folder}": ${why}`, options)
}

/**
 * Writes an authority whole or not at all, for this user alone.
 * @returns false when another process has written one meanwhile, which stays
 * @throws {AuthorityError} when it cannot be written
 */
export function writeWhole(folder: string, files: AuthorityFiles): boolean {
  const parent = join(folder, '..')
  let part: string | undefined
  try {
    makeFolder(parent)
    // For this user alone from the first moment on.
    part = mkdtempSync(join(parent, '.authority-'))
    for (const name of NAMES) {
      writeFileSync(join(part, name), files[name], { mode: 0o600, flag: 'wx', flush: true })
      chmodSync(join(part, name), 0o600)
    }
    flushFolder(part)
    // A folder with something in it is never replaced: whoever comes second finds the first one's.
    renameSync(part, folder)
    flushFolder(parent)
    return true
  } catch (cause) {
    if (part !== undefined) rmSync(part, { recursive: true, force: true })
    if (['ENOTEMPTY', 'EEXIST'].includes((cause as NodeJS.ErrnoException).code ?? '')) return false
    throw unusable(folder, `it cannot be written (${(cause as Error).message}); see that this user may write there`, { cause })
  }
}

function flushFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** Undefined when there is none. @throws {AuthorityError} when it is not whole, or others may read its key */
export function readFiles(folder: string): AuthorityFiles | undefined {
  if (!existsSync(folder)) return undefined
  const read = (name: (typeof NAMES)[number]): string => {
    try {
      return readFileSync(join(folder, name), 'utf8')
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      const why =
        code === 'ENOENT'
          ? `"${name}" is missing; put it back from a copy, or remove the folder, and all processes begin with a new authority`
          : `"${name}" cannot be read (${message}); see that it is of the user who runs the system`
      throw unusable(folder, why, { cause })
    }
  }
  const files = { 'ca.crt': read('ca.crt'), 'issuer.crt': read('issuer.crt'), 'issuer.key': read('issuer.key') }
  const { mode } = statSync(join(folder, 'issuer.key'))
  if ((mode & 0o077) !== 0) throw unusable(folder, 'other users may read "issuer.key"; say `chmod 600` of it')
  return files
}
