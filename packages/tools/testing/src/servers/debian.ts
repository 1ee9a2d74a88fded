import type { ServerProgram } from 'dure/runtime/internal'
import type { Place } from './recipe.ts'

/** A Debian 13 of its own, which has several servers: its packages are newer than those of the machine may be. */
export const DEBIAN = 'debian-13'

/** Where a server's folder is seen from within. */
export const INSIDE = '/mnt'

/** A program in that Debian. What it sees of the machine is mounted for it alone, and is gone with it. */
export function inDebian(
  { programs, directory }: Pick<Place, 'programs' | 'directory'>,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ServerProgram {
  return {
    command: 'unshare',
    words: [
      '--mount',
      ...(process.getuid?.() === 0 ? [] : ['--map-root-user']),
      'sh',
      '-c',
      ENTER,
      'sh',
      programs,
      directory,
      ...words,
    ],
    folder: '/',
    env: { PATH: process.env['PATH'], ...env },
  }
}

const ENTER = `
set -e
root=$1
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$2" "$root${INSIDE}"
shift 2
exec chroot "$root" "$@"
`
