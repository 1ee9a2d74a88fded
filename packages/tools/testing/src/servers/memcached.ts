import { CallError } from 'dure/contract'
import { DEBIAN, inDebian } from './debian.ts'
import { asUrl, type Recipe } from './recipe.ts'

/** Memcached: what it keeps is gone with it. Settings are its letters: `{ m: 1 }` are megabytes. */
export const memcached: Recipe = {
  version: '1.6.38',
  folder: DEBIAN,
  program: 'usr/bin/memcached',
  ports: ['memcached'],
  launch: ({ programs, directory, ports, settings, account }) => {
    if (account !== undefined) throw new CallError('INVALID_ARGUMENT', 'Starting a "memcached" failed: it takes no account here')
    const letters = Object.entries({ l: '127.0.0.1', p: ports['memcached']!, U: 0, u: 'root', m: 64, ...settings })
    // It says that it listens only to whoever wants to know everything.
    const words = ['/usr/bin/memcached', '-vv', ...letters.flatMap(([letter, value]) => [`-${letter}`, String(value)])]
    return inDebian({ programs, directory }, words)
  },
  url: (place) => asUrl('memcached', place),
  ready: /server listening/,
}
