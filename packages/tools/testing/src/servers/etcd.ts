import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CallError } from 'dure/contract'
import { DEBIAN, inDebian, INSIDE } from './debian.ts'
import { asLines, asUrl, type Recipe } from './recipe.ts'

/** One member of etcd, which writes to the disk before it answers. */
export const etcd: Recipe = {
  version: '3.5.16',
  folder: DEBIAN,
  program: 'usr/bin/etcd',
  ports: ['etcd', 'peers'],
  launch: ({ programs, directory, ports, settings, account }) => {
    // Accounts are made in a running etcd, by whoever wants them.
    if (account !== undefined) throw new CallError('INVALID_ARGUMENT', 'Starting an "etcd" failed: it takes no account here')
    const [own, peers] = ['etcd', 'peers'].map((name) => `http://127.0.0.1:${ports[name]}`)
    const lines = asLines(
      {
        name: 'local',
        'data-dir': `${INSIDE}/data`,
        'listen-client-urls': own!,
        'advertise-client-urls': own!,
        'listen-peer-urls': peers!,
        'initial-advertise-peer-urls': peers!,
        'initial-cluster': `local=${peers}`,
        ...settings,
      },
      ': ',
    )
    writeFileSync(join(directory, 'etcd.yaml'), lines, { mode: 0o600 })
    return inDebian({ programs, directory }, ['/usr/bin/etcd', '--config-file', `${INSIDE}/etcd.yaml`])
  },
  url: (place) => asUrl('etcd', place),
  ready: /ready to serve client requests|serving client traffic/,
}
