import { createHash } from 'node:crypto'
import { tmpdir, userInfo } from 'node:os'
import { existsSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'

// The address structure of a Unix socket holds 108 bytes on Linux and 104 on macOS.
const LONGEST = 100

/**
 * Where the control socket of a data directory is, or that of its supervisor: in it, or under a name made from it when that
 * path is too long.
 */
export function socketPath(directory: string, name: 'control' | 'supervisor' = 'control'): string {
  const real = existsSync(directory) ? realpathSync(directory) : resolve(directory)
  const path = join(real, `${name}.sock`)
  if (Buffer.byteLength(path) <= LONGEST) return path
  const digest = createHash('sha256').update(real).digest('hex').slice(0, 24)
  return join(tmpdir(), `dure-${userInfo().uid}-${digest}${name === 'control' ? '' : '-s'}.sock`)
}
