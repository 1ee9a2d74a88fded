import { randomInt } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverPlaces } from '@dure/testing/servers'
import { localServer, type RunningServer } from 'dure/runtime/internal'

export type Cluster = {
  readonly servers: readonly RunningServer[]
  readonly urls: readonly string[]
  readonly close: () => Promise<void>
}

/** Three servers of NATS that keep each message together. Their ports have to be known beforehand, as each is told of the others. */
export async function startCluster(): Promise<Cluster> {
  const root = mkdtempSync(join(tmpdir(), 'dure-nats-cluster-'))
  const ports = new Set<number>()
  while (ports.size < 6) ports.add(randomInt(20_000, 31_999))
  const [clients, routes] = [[...ports].slice(0, 3), [...ports].slice(3)]
  const servers = clients.map((port, n) => {
    const folder = join(root, `${n}`)
    mkdirSync(folder)
    const file = join(folder, 'nats.conf')
    const configuration = {
      ...{ server_name: `n${n}`, host: '127.0.0.1', port, max_payload: 4 * 1024 * 1024 },
      jetstream: { store_dir: join(folder, 'data'), sync_interval: 'always' },
      cluster: { name: 'local', host: '127.0.0.1', port: routes[n], routes: routes.map((one) => `nats://127.0.0.1:${one}`) },
    }
    writeFileSync(file, JSON.stringify(configuration))
    return localServer({
      ...{ name: 'a "nats" of a cluster', ports: [port], ready: /Server is ready/, passing: /address already in use/i },
      program: () => ({ command: join(serverPlaces().nats.folder, 'nats-server'), words: ['--config', file], folder }),
      temporary: undefined,
      failed: (message) => new Error(message),
    })
  })
  await Promise.all(servers.map((one) => one.start()))
  return {
    servers,
    urls: clients.map((port) => `nats://127.0.0.1:${port}`),
    close: async () => {
      await Promise.all(servers.map((one) => one.close()))
      rmSync(root, { recursive: true, force: true })
    },
  }
}
