import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEBIAN, inDebian, INSIDE } from './debian.ts'
import { asLines, asUrl, type Recipe } from './recipe.ts'

/** Redis, with every write on the disk before it is acknowledged. */
export const redis: Recipe = likeRedis('redis', '8.0.2')

/** What Redis was before its licence changed, and has become since. */
export const valkey: Recipe = likeRedis('valkey', '8.1.1')

function likeRedis(name: string, version: string): Recipe {
  return {
    version,
    folder: DEBIAN,
    program: `usr/bin/${name}-server`,
    ports: ['redis'],
    launch: ({ programs, directory, ports, settings, account }) => {
      const lines = asLines(
        {
          bind: '127.0.0.1',
          port: ports['redis']!,
          dir: INSIDE,
          save: '""',
          appendonly: 'yes',
          appendfsync: 'always',
          ...settings,
        },
        ' ',
      )
      const users = account === undefined ? '' : `user default off\nuser ${account.name} on >${account.password} ~* &* +@all\n`
      writeFileSync(join(directory, 'server.conf'), lines + users, { mode: 0o600 })
      return inDebian({ programs, directory }, [`/usr/bin/${name}-server`, `${INSIDE}/server.conf`])
    },
    url: (place) => asUrl('redis', place),
    ready: /Ready to accept connections/,
  }
}
