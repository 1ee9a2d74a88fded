import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asUrl, type Recipe, type ServerSettings } from './recipe.ts'

/** NATS with JetStream. */
export const nats: Recipe = {
  version: '2.15.2',
  program: 'nats-server',
  ports: ['nats'],
  launch: ({ programs, directory, ports, settings, account }) => {
    const file = join(directory, 'nats.conf')
    const configuration = nested({
      host: '127.0.0.1',
      port: ports['nats']!,
      server_name: 'local',
      // By itself it takes 1 MiB, and a message of Dure's may have that beside its headers.
      max_payload: 4 * 1024 * 1024,
      'jetstream.store_dir': join(directory, 'data'),
      // By itself it flushes every two minutes: what it has acknowledged since is lost with the machine.
      'jetstream.sync_interval': 'always',
      ...(account && { 'authorization.user': account.name, 'authorization.password': account.password }),
      ...settings,
    })
    writeFileSync(file, JSON.stringify(configuration, undefined, 2), { mode: 0o600 })
    return { command: join(programs, 'nats-server'), words: ['--config', file], folder: directory }
  },
  url: (place) => asUrl('nats', place),
  ready: /Server is ready/,
}

/** `{ 'a.b': 1 }` as `{ a: { b: 1 } }`. */
function nested(settings: ServerSettings): unknown {
  const whole: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(settings)) {
    const path = name.split('.')
    let inside = whole
    for (const part of path.slice(0, -1)) inside = (inside[part] ??= {}) as Record<string, unknown>
    inside[path.at(-1)!] = value
  }
  return whole
}
