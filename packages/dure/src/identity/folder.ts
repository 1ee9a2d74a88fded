import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
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
  /** Who signs here, then those between it and who is trusted: sent along with each certificate, unless they are trusted themselves. */
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

/** Replacements of an authority are folders in its own, `2` and so on; the highest counts. 1: nothing was replaced. */
export function generationOf(folder: string): number {
  const numbers = readdirSync(folder).filter((name) => /^[1-9]\d{0,8}$/.test(name))
  return Math.max(1, ...numbers.map(Number))
}

/**
 * Puts another in place of an authority, whole or not at all.
 * @throws {AuthorityError} when it cannot be written, or another process has done so meanwhile
 */
export function replaceWith(folder: string, files: AuthorityFiles): void {
  const before = generationOf(folder)
  if (!writeWhole(placeOf(folder, before + 1), files))
    throw unusable(folder, 'another process has replaced it at the same time; look at what is there now (dure ca)')
  // Its key is of no more use, and is not left about.
  const ended = [...NAMES, ...Array.from({ length: before - 1 }, (_, n) => String(n + 2))]
  for (const name of ended) rmSync(join(folder, name), { recursive: true, force: true })
}

function placeOf(folder: string, generation: number): string {
  return generation === 1 ? folder : join(folder, String(generation))
}

/** Undefined when there is none. @throws {AuthorityError} when it is not whole, or others may read its key */
export function readFiles(folder: string): AuthorityFiles | undefined {
  if (!existsSync(folder)) return undefined
  for (;;) {
    const generation = generationOf(folder)
    try {
      return readPlace(folder, placeOf(folder, generation))
    } catch (error) {
      // It was replaced while it was read.
      if (generationOf(folder) === generation) throw error
    }
  }
}

function readPlace(folder: string, place: string): AuthorityFiles {
  const read = (name: (typeof NAMES)[number]): string => {
    try {
      return readFileSync(join(place, name), 'utf8')
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
  const { mode } = statSync(join(place, 'issuer.key'))
  if ((mode & 0o077) !== 0) throw unusable(folder, 'other users may read "issuer.key"; say `chmod 600` of it')
  return files
}
