import { accessSync, constants, statSync } from 'node:fs'
import { makeFolder } from 'dure/runtime'
import { CliError } from './shell.ts'

/** Where a system keeps its files unless told otherwise. */
export function dataDirectory(given: string | undefined, env: Readonly<Partial<Record<string, string>>>): string {
  return given ?? (env['DURE_DATA'] || '.dure')
}

/**
 * Makes the data directory if it is not there.
 * @throws {CliError} when it cannot be made, read or written
 */
export function prepareDirectory(path: string): void {
  try {
    makeFolder(path)
    if (!statSync(path).isDirectory()) throw new Error('it is a file')
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new CliError(`Cannot use the data directory "${path}": ${reason(cause)}; choose another with --data`, { cause })
  }
}

function reason(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read and write there'
  if (code === 'ENOTDIR') return 'a part of the path is a file'
  if (code === 'EROFS') return 'the file system is read-only'
  if (code === 'ENOENT') return 'it cannot be made there'
  return message
}
