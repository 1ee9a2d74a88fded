import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'node:test'
import type { Broker, Delivery } from 'dure/messaging'
import { realRuntime, type Runtime } from 'dure/runtime'
import { numberOf, until } from 'dure/messaging/conformance'
import { createLogger } from 'dure/telemetry'
import { redisBroker, type RedisOptions } from './redis.ts'
import { startLocalServer, type LocalServer } from '@dure/testing/servers'
import { createClient } from '@redis/client'
export { numbered as messageOf, until, caughtUp } from 'dure/messaging/conformance'

export const runtime: Runtime = realRuntime()

export async function serverFor(t: TestContext, ...words: Parameters<typeof startLocalServer>): Promise<LocalServer> {
  const server = await startLocalServer(...words)
  t.after(() => server.close())
  return server
}

/** Somebody else who asks the server. */
export async function clientFor(t: TestContext, { url }: Pick<LocalServer, 'url'>) {
  const client = createClient({ url })
  // The server goes first.
  client.on('error', () => {})
  await client.connect()
  t.after(() => client.destroy())
  return client
}

/** A broker of its own process or one like it, and what it logs. */
export async function brokerFor(
  t: TestContext,
  options: RedisOptions,
  own: Runtime = runtime,
): Promise<Broker & { readonly lines: string[] }> {
  const lines: string[] = []
  const log = createLogger({ clock: own.clock, write: (line) => void lines.push(line) })
  const broker = await redisBroker({ lease: 1_000, timeout: 1_000, ...options })({ runtime: own, log })
  t.after(() => broker.stop({ timeout: 500 }))
  return { ...broker, lines }
}

/** Whatever comes, by key, each message where it came first. */
export function ledger() {
  const seen = new Map<string, number>()
  const byKey = new Map<string, number[]>()
  const deliver = async (batch: readonly Delivery[]): Promise<void> => {
    for (const { message } of batch) {
      seen.set(message.id, (seen.get(message.id) ?? 0) + 1)
      if (seen.get(message.id)! > 1) continue
      byKey.set(message.key, [...(byKey.get(message.key) ?? []), numberOf(message)])
    }
  }
  return { seen, byKey, deliver }
}

export type Said = { took?: number[]; done?: number[]; assigned?: number; revoked?: number; epoch?: number; ready?: true }

/** Another process that reads: see `member.child.test-support.ts`. */
export async function memberProcess(
  t: TestContext,
  how: { readonly url: string; readonly topic?: string; readonly queue?: string; readonly hang?: number; readonly lease: number },
): Promise<{ readonly child: ChildProcess; readonly said: Said[] }> {
  const said: Said[] = []
  const child = fork(fileURLToPath(new URL('member.child.test-support.ts', import.meta.url)), [JSON.stringify(how)], {
    execArgv: ['--conditions=dure-source'],
  })
  child.on('message', (what) => said.push(what as Said))
  t.after(() => void child.kill('SIGKILL'))
  await until(() => said.some(({ ready }) => ready === true) || child.exitCode !== null)
  return { child, said }
}
