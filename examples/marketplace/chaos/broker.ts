import { join } from 'node:path'
import type { LocalServer, ServerSettings } from '@dure/testing/servers'
import { addressOf, CLIENT_PORTS, type Kind } from '../brokers.ts'
import type { Taken } from './outages.ts'

/** A broker of its own, with all that can befall it. */
export type Carrier = Taken & { readonly url: string; readonly close: () => Promise<void> }

/** What every event of a checkout says, so that a cut in the midst of it is in the midst of publishing; and the bytes behind it that pass. */
const [PUBLISHED, PASSING] = ['"instanceId"', 20]
/** As much as nobody needs: it is full when it is told to be. */
const DISK = 64 * 1024 ** 3

/** In the directory, behind a network that can be cut, and, where it is to be taken away, on a disk that can be full. */
export async function startBroker(options: {
  readonly kind: Kind
  readonly directory: string
  readonly outages?: boolean
  readonly say: (line: string) => void
}): Promise<Carrier> {
  const { kind, outages = false, say } = options
  const { missingSmallDisk, mountSmallDisk, startLocalServer } = await import('@dure/testing/servers')
  const directory = join(options.directory, kind)
  const missing = outages ? missingSmallDisk() : 'not asked for'
  if (outages && missing !== false) say(`LEFT OUT: the disk of the broker is never full: ${missing}`)
  const disk = missing === false ? await mountSmallDisk({ directory, bytes: DISK }) : undefined
  const network = await openNetwork(kind)
  const closed: (() => Promise<unknown>)[] = [network.close, ...(disk ? [disk.close] : [])]
  const close = async (): Promise<void> => {
    for (const end of closed) await end()
  }
  try {
    const server = await startLocalServer(kind, { directory, settings: { ...settingsOf(kind), ...network.settings } })
    closed.splice(1, 0, server.close)
    network.lead(server.ports)
    const { start, stop, crash, freeze, thaw } = server
    const { url, cut, loseAnswers } = network
    return { start, stop, crash, freeze, thaw, disk, url, cut, loseAnswers, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Between the server and its clients, on each port that these come to. */
async function openNetwork(kind: Kind): Promise<
  Required<Pick<Taken, 'cut' | 'loseAnswers'>> & {
    readonly url: string
    /** What the server must be told of it. */
    readonly settings: ServerSettings
    readonly lead: (ports: LocalServer['ports']) => void
    readonly close: () => Promise<unknown>
  }
> {
  const { startProxy } = await import('@dure/testing/servers')
  const proxies = await Promise.all(CLIENT_PORTS[kind].map(async (name) => ({ name, proxy: await startProxy({ to: 0 }) })))
  const ports = Object.fromEntries(proxies.map(({ name, proxy }) => [name, proxy.port]))
  const cutAll = (): void => {
    for (const { proxy } of proxies) proxy.cut()
  }
  return {
    url: addressOf(kind, ports),
    settings: advertised(kind, ports),
    lead: (to) => {
      for (const { name, proxy } of proxies) proxy.to = to[name]!
    },
    cut: async () => {
      await Promise.race(proxies.map(({ proxy }) => proxy.cutAfter(PASSING, PUBLISHED)))
      cutAll()
    },
    loseAnswers: (lost) => {
      // Who has missed an answer would take the next one for it.
      if (!lost) cutAll()
      for (const { proxy } of proxies) proxy.loseAnswers(lost)
    },
    close: () => Promise.all(proxies.map(({ proxy }) => proxy.close())),
  }
}

/** Some clients go where the server says that it is. */
function advertised(kind: Kind, ports: Readonly<Record<string, number>>): ServerSettings {
  if (kind === 'rabbitmq') return { 'stream.advertised_port': ports['stream']! }
  return kind === 'kafka' ? { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports['kafka']}` } : {}
}

/** By itself NATS keeps less than its disk has, and would be full before that. */
export function settingsOf(kind: Kind): ServerSettings {
  return kind === 'nats' ? { 'jetstream.max_file_store': DISK } : {}
}
