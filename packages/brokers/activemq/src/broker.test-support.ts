import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import rhea from 'rhea'
import type { LocalServer } from '@dure/testing/servers'
import { CallError } from 'dure/contract'
import type { Broker } from 'dure/messaging'
import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'
import { activeMqBroker, type ActiveMqOptions } from './activemq.ts'
import { startServer } from './suite.test-support.ts'

export { caughtUp, messageOf, until } from './suite.test-support.ts'

const runtime = realRuntime()
/** A password, which is to be in nothing that is said. */
export const SECRET = 'k3-s3cret'

export async function serverFor(t: TestContext, ...words: Parameters<typeof startServer>): Promise<LocalServer> {
  const server = await startServer(...words)
  t.after(() => server.close())
  return server
}

export async function brokerFor(t: TestContext, options: ActiveMqOptions): Promise<Broker & { readonly lines: string[] }> {
  const lines: string[] = []
  const log = createLogger({ clock: runtime.clock, write: (line) => void lines.push(line) })
  const broker = await activeMqBroker({ lease: 1_000, ...options })({ runtime, log })
  t.after(() => broker.stop({ timeout: 500 }))
  return { ...broker, lines }
}

/** Somebody else who sends there. */
export async function othersSend(
  t: TestContext,
  { port }: { readonly port: number },
  address: string,
  messages: readonly (object | Buffer)[],
): Promise<void> {
  const connection = rhea
    .create_container()
    .connect({ port, host: '127.0.0.1', reconnect: false, username: 'guest', password: 'guest' })
  t.after(() => connection.close())
  connection.on('disconnected', () => {})
  const sender = connection.open_sender({ target: { address, capabilities: ['topic'] } as never })
  await once(sender, 'sendable')
  for (const message of messages) {
    const taken = once(sender, 'accepted')
    if (Buffer.isBuffer(message)) sender.send(message as never, undefined as never, 0)
    else sender.send({ durable: true, ...message } as never)
    await taken
  }
}

export const refused = async (work: () => Promise<unknown>, code: string, words: RegExp): Promise<void> => {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof CallError, String(error))
    assert.deepEqual([error.code, words.test(error.message)], [code, true], error.message)
    assert.equal(error.message.includes(SECRET), false)
    return true
  })
}

/** Very many of them, of which nobody says that they have arrived. */
export async function othersFlood(
  t: TestContext,
  { port }: { readonly port: number },
  { address, kind, count }: { readonly address: string; readonly kind: 'queue' | 'topic'; readonly count: number },
): Promise<void> {
  const connection = rhea
    .create_container()
    .connect({ port, host: '127.0.0.1', reconnect: false, username: 'guest', password: 'guest' })
  t.after(() => connection.close())
  connection.on('disconnected', () => {})
  const sender = connection.open_sender({ target: { address, capabilities: [kind] } as never, snd_settle_mode: 1 })
  for (let sent = 0; sent < count;) {
    await once(sender, 'sendable')
    while (sent < count && sender.sendable()) sender.send({ message_id: `m${sent++}`, body: '{}' })
  }
}
