import { join } from 'node:path'
import type { ServerSettings } from '@dure/testing/servers'
import type { Kind } from '../brokers.ts'
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
  const { missingSmallDisk, mountSmallDisk, startLocalServer, startProxy } = await import('@dure/testing/servers')
  const directory = join(options.directory, kind)
  const missing = outages ? missingSmallDisk() : 'not asked for'
  if (outages && missing !== false) say(`LEFT OUT: the disk of the broker is never full: ${missing}`)
  const disk = missing === false ? await mountSmallDisk({ directory, bytes: DISK }) : undefined
  const proxy = await startProxy({ to: 0 })
  const server = await startLocalServer(kind, {
    directory,
    settings: { ...settingsOf(kind), ...throughProxy(kind, proxy.port) },
  }).catch(async (error) => {
    await proxy.close()
    await disk?.close()
    throw error
  })
  proxy.to = server.port
  const { start, stop, crash, freeze, thaw } = server
  return {
    ...{ start, stop, crash, freeze, thaw, disk },
    url: server.url.replace(/:\d+$/, `:${proxy.port}`),
    cut: () => proxy.cutAfter(PASSING, PUBLISHED),
    loseAnswers: (lost) => {
      // Who has missed an answer would take the next one for it.
      if (!lost) proxy.cut()
      proxy.loseAnswers(lost)
    },
    close: async () => {
      await proxy.close()
      await server.close()
      await disk?.close()
    },
  }
}

/** Clients of Kafka go where it says that it is. */
function throughProxy(kind: Kind, port: number): ServerSettings {
  return kind === 'kafka' ? { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}` } : {}
}

/** By itself NATS keeps less than its disk has, and would be full before that. */
export function settingsOf(kind: Kind): ServerSettings {
  return kind === 'nats' ? { 'jetstream.max_file_store': DISK } : {}
}
