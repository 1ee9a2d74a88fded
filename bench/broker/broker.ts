import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { missingServer, startLocalServer } from '@dure/testing/servers'
import type { BenchContext, BenchResult } from '../bench.ts'
import { installPeers } from '../peers.ts'
import { adapterOf, type Load, type Measured } from './load.ts'

/** Its one peer is installed here. */
export const peers = false

/** Servers, with what is compared on each beside its bare client. */
const SERVERS = { nats: [], redis: [], activemq: [], artemis: [], rabbitmq: [], kafka: ['kafkajs'] } as const

export type Scale = { readonly count: number; readonly sequential: number; readonly peers: boolean }

/**
 * Events of 200 bytes with a key, a header and all that Dure says of them, in lists of 100, ten under way: published and consumed
 * a second through each adapter, and through its bare client on the same server in the same run. Servers flush before they
 * acknowledge, but for Kafka and RabbitMQ's streams, which never do. The latency is that of one alone, from before it is published to when it is handed over.
 */
export function bench(context: BenchContext): Promise<BenchResult> {
  return benchBroker(context, { count: 50_000, sequential: 300, peers: true })
}

export async function benchBroker({ progress }: BenchContext, { count, sequential, peers: all }: Scale): Promise<BenchResult> {
  if (all) await installPeers(import.meta.dirname, progress)
  const figures: Record<string, number> = {}
  const ratios: Record<string, number> = {}
  for (const [kind, others] of Object.entries(SERVERS) as [keyof typeof SERVERS, readonly string[]][]) {
    const missing = missingServer(kind)
    if (
      missing !== false ||
      !existsSync(new URL(`../../packages/brokers/${adapterOf(kind).name}/package.json`, import.meta.url))
    ) {
      progress(`${kind}: left out (${missing === false ? 'there is no adapter' : missing})`)
      continue
    }
    const server = await startLocalServer(kind)
    try {
      const run = async (contender: string): Promise<Measured> => {
        progress(`${contender}: ${count} events`)
        return contend({ contender, url: server.url, ports: server.ports, count, sequential })
      }
      const client = await run(`client ${kind}`)
      const own = await run(`own ${kind}`)
      const again = await run(`client ${kind}`)
      // Whichever ran better, so that what the machine did meanwhile does not speak for us.
      const floor = {
        publishedPerSecond: Math.max(client.publishedPerSecond, again.publishedPerSecond),
        consumedPerSecond: Math.max(client.consumedPerSecond, again.consumedPerSecond),
        latencyMs: Math.min(client.latencyMs, again.latencyMs),
      }
      note(figures, `${kind}_own`, own)
      note(figures, `${kind}_client`, floor)
      ratios[`${kind}_publish_vs_client`] = own.publishedPerSecond / floor.publishedPerSecond
      ratios[`${kind}_consume_vs_client`] = own.consumedPerSecond / floor.consumedPerSecond
      ratios[`${kind}_vs_client`] = whole(own) / whole(floor)
      figures[`${kind}_latency_over_client_ms`] = own.latencyMs - floor.latencyMs
      for (const other of all ? others : []) {
        const measured = await run(`client ${other}`)
        note(figures, other, measured)
        ratios[`${kind}_vs_${other}`] = whole(own) / whole(measured)
      }
    } finally {
      await server.close()
    }
  }
  return { ratios, figures }
}

/** Messages a second, published and then consumed. */
function whole({ publishedPerSecond, consumedPerSecond }: Measured): number {
  return 1 / (1 / publishedPerSecond + 1 / consumedPerSecond)
}

function note(
  figures: Record<string, number>,
  name: string,
  { publishedPerSecond, consumedPerSecond, latencyMs }: Measured,
): void {
  figures[`${name}_published_per_second`] = publishedPerSecond
  figures[`${name}_consumed_per_second`] = consumedPerSecond
  figures[`${name}_latency_ms`] = latencyMs
}

/** Runs one in a process of its own until it has told what it measured. @throws with its last words */
function contend(load: Load): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('contender.ts', import.meta.url), {
      env: { ...process.env, BROKER_LOAD: JSON.stringify(load) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let words = ''
    child.stderr!.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-2_000)))
    let measured: Measured | undefined
    child.on('message', (said: Measured) => void (measured = said))
    child.on('error', reject)
    child.on('close', (code) => {
      if (measured !== undefined) resolve(measured)
      else reject(new Error(`Cannot measure "${load.contender}": it ended with code ${String(code)}: ${words}`))
    })
  })
}
