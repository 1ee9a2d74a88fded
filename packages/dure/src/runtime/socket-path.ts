import { createHash } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'

// The address structure of a Unix socket holds 108 bytes on Linux and 104 on macOS.
const LONGEST = 100

/**
 * Where a socket of a data directory is that others find by its name: in the directory, or under a name made from it when that
 * path is too long.
 */
export function socketPath(directory: string, name: string): string {
  const real = existsSync(directory) ? realpathSync(directory) : resolve(directory)
  const path = join(real, `${name}.sock`)
  if (Buffer.byteLength(path) <= LONGEST) return path
  const digest = createHash('sha256').update(real).digest('hex').slice(0, 24)
  return join(tmpdir(), `dure-${userInfo().uid}-${digest}-${name}.sock`)
}
