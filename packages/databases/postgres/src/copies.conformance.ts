import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Broker } from 'dure/messaging'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import pg from 'pg'
import { startServer } from './server/server.ts'

/** What a module of an adapter's tests exports: how a process comes to the server at that address. */
export type Connect = (place: {
  readonly address: string
  readonly runtime: Runtime
  readonly log: Logger
}) => Broker | Promise<Broker>

/** A server of the broker under test. */
export type BrokerServer = {
  readonly address: string
  readonly crash: () => Promise<void>
  readonly close: () => Promise<unknown>
}

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  // A timer that keeps the process alive: a case must not end for want of other work.
  while (!(await condition())) await new Promise((resolve) => void setTimeout(resolve, 5))
}

const CHILD = fileURLToPath(new URL('copies.child.test-support.ts', import.meta.url))

function startPart(t: TestContext, part: string, ...words: readonly string[]) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-copies-'))
  const options = ['--conditions=dure-source', CHILD, part, ...words, directory]
  const child = spawn(process.execPath, options, { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await closed
  }
  t.after(async () => {
    await kill()
    rmSync(directory, { recursive: true, force: true })
  })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => void lines.push(line))
  return {
    kill,
    tell: (line: string): void => void child.stdin.write(`${line}\n`),
    signal: (signal: NodeJS.Signals): void => void child.kill(signal),
    said: (beginning: string): Promise<void> => until(() => lines.some((line) => line.startsWith(beginning))),
    has: (beginning: string): boolean => lines.some((line) => line.startsWith(beginning)),
  }
}

/**
 * Registers the test, with `node:test`, that copies of a service on PostgreSQL share a group on a broker.
 * @param options.module a module whose export `connect` makes the adapter of a process
 */
export function copiesConformance(
  name: string,
  options: { readonly module: URL; readonly skip: string | false; readonly server: () => Promise<BrokerServer> },
): void {
  const title = `copies of a service on PostgreSQL share a group on ${name}: killed in an effect, frozen and thawed, every effect is there once, in order of its key`
  test(title, { skip: options.skip, timeout: 180_000 }, async (t) => {
    const broker = await options.server()
    const postgres = await startServer({ settings: { fsync: 'off' } })
    const client = new pg.Client({ connectionString: postgres.url() })
    await client.connect()
    t.after(async () => {
      await client.end()
      await Promise.all([broker.close(), postgres.close()])
    })
    const places = [postgres.url(), options.module.href, broker.address]
    const till = startPart(t, 'till', ...places)
    await till.said('ready')
    const copies = range(3).map(() => startPart(t, 'ledger', ...places))
    await Promise.all(copies.map((copy) => copy.said('ready')))

    const keys = range(12).map((n) => `t${n}`)
    let sold = 0
    const sell = (count: number): void => {
      for (const n of range(count)) for (const key of keys) till.tell(`sell ${key} ${sold + n}`)
      sold += count
    }
    const entries = async (): Promise<readonly { till: string; n: number }[]> =>
      (await client.query<{ till: string; n: number }>('SELECT till, n FROM ledger.entries ORDER BY place')).rows
    const settled = (): Promise<void> => until(async () => (await entries()).length >= sold * keys.length)

    sell(5)
    await settled()
    // One is killed in the middle of an effect, and what it had in hand is done by the others.
    copies[0]!.tell('hang')
    sell(5)
    await copies[0]!.said('hangs')
    await copies[0]!.kill()
    await settled()
    // One stands still for longer than its lease, and comes back.
    copies[1]!.tell('hang')
    sell(5)
    await copies[1]!.said('hangs')
    copies[1]!.signal('SIGSTOP')
    await settled()
    copies[1]!.signal('SIGCONT')
    // The server is killed and comes back, and a copy that is new takes its share.
    sell(5)
    await broker.crash()
    const late = startPart(t, 'ledger', ...places)
    await late.said('ready')
    sell(5)
    await settled()

    const found = await entries()
    for (const key of keys)
      assert.deepEqual(
        found.filter((one) => one.till === key).map(({ n }) => n),
        range(sold),
        key,
      )
    assert.equal(found.length, sold * keys.length)
    copies[2]!.tell('stop')
    await copies[2]!.said('stopped')
  })
}
