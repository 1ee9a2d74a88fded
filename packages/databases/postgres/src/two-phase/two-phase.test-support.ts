import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import type { LocalServer } from '../server/server.ts'
import { missing15, testServer, type ServerVersion, VERSIONS } from '../server.test-support.ts'
import { createDatabase } from '../adapter.test-support.ts'
import { until } from '../store.test-support.ts'
import { listInDoubt, twoPhase, type TwoPhase, type TwoPhaseOptions } from './two-phase.ts'

const CHILD = fileURLToPath(new URL('coordinator.child.test-support.ts', import.meta.url))
/** How the statements begin that write a decision, and that tell it. */
export const DECIDE = 'INSERT INTO dure_2pc_decisions'
export const COMMIT = 'commit PREPARED'

/** Two banks and the log, each a database of its own, and what is needed to look at them. */
export type Banks = {
  readonly server: LocalServer
  readonly urls: readonly [here: string, there: string]
  readonly log: string
  readonly name: string
  /** A coordinator over them that stops with the test. */
  readonly open: (options?: Partial<TwoPhaseOptions<readonly [string, string]>>) => Promise<Coordinator>
  readonly client: (url: string) => Promise<Client>
  /** What the two accounts hold, from the first column of what is asked. */
  readonly ask: (url: string, sql: string) => Promise<readonly unknown[]>
  readonly balances: () => Promise<readonly [number, number]>
}
export type Coordinator = TwoPhase<readonly [string, string]>

/** `check(what, run)`: a test with banks of its own on the file's servers of both versions. */
export async function onBanks(): Promise<(what: string, run: (banks: Banks, t: TestContext) => Promise<void>) => void> {
  const servers = new Map<ServerVersion, LocalServer>()
  for (const version of VERSIONS)
    if (version === 18 || missing15 === false)
      servers.set(version, await testServer({ version, settings: { max_prepared_transactions: 8 } }))
  let made = 0
  return (what, run) => {
    for (const version of VERSIONS)
      test(`${what} (PostgreSQL ${version})`, { skip: version === 15 && missing15, timeout: 180_000 }, async (t) =>
        run(await banksOn(servers.get(version)!, ++made, t), t),
      )
  }
}

async function banksOn(server: LocalServer, n: number, t: TestContext): Promise<Banks> {
  const names = ['here', 'there', 'log'].map((what) => `${what}_${n}`)
  for (const name of names) await createDatabase(server.url(), name)
  const [here, there, log] = names.map((name) => server.url(name)) as [string, string, string]
  const client = async (url: string): Promise<Client> => {
    const one = new Client({ connectionString: url })
    one.on('error', () => {})
    await one.connect()
    t.after(() => one.end().catch(() => {}))
    return one
  }
  const ask: Banks['ask'] = async (url, sql) => {
    const one = new Client({ connectionString: url })
    await one.connect()
    try {
      const last = [await one.query<Record<string, unknown>>(sql)].flat().at(-1)
      return last!.rows.map((row) => Object.values(row)[0])
    } finally {
      await one.end()
    }
  }
  for (const url of [here, there])
    await ask(
      url,
      `CREATE TABLE accounts (id INT PRIMARY KEY, amount INT NOT NULL, UNIQUE (amount) DEFERRABLE INITIALLY DEFERRED);
       INSERT INTO accounts VALUES (1, 100)`,
    )
  const name = `banks-${n}`
  return {
    ...{ server, urls: [here, there], log, name, client, ask },
    open: async (options) => {
      const one = await twoPhase({ name, databases: [here, there] as const, log, recoverEvery: 50, ...options })
      t.after(() => one.stop())
      return one
    },
    balances: async () => {
      const [one, other] = await Promise.all([here, there].map((url) => ask(url, 'SELECT amount FROM accounts WHERE id = 1')))
      return [Number(one![0]), Number(other![0])]
    },
  }
}

/** Moves so much from here to there. */
export function transfer(coordinator: Coordinator, amount: number, meanwhile?: () => Promise<unknown>): Promise<string> {
  return coordinator.transaction(async ([here, there]) => {
    await here.query('UPDATE accounts SET amount = amount - $1 WHERE id = 1', [amount])
    await there.query('UPDATE accounts SET amount = amount + $1 WHERE id = 1', [amount])
    await meanwhile?.()
    return 'moved'
  })
}

/**
 * Has somebody wait before each statement that begins so is sent (or, `after`, before its answer is heard), wherever in this process, until the
 * test is over. What `hold` throws is heard in place of the answer.
 */
export function intercept(
  beginning: string,
  hold: () => Promise<void>,
  { when = 'before', times = Infinity }: { readonly when?: 'before' | 'after'; readonly times?: number } = {},
): () => void {
  const prototype = Client.prototype as unknown as { query: (...args: unknown[]) => unknown }
  const { query } = prototype
  let left = times
  prototype.query = function (this: unknown, ...args: unknown[]) {
    const { text = args[0] } = (args[0] ?? {}) as { text?: unknown }
    if (!String(text).trim().startsWith(beginning) || left-- <= 0) return query.apply(this, args)
    return when === 'before'
      ? hold().then(() => query.apply(this, args))
      : Promise.resolve(query.apply(this, args)).then(async (answer) => {
          await hold()
          return answer
        })
  }
  return () => void (prototype.query = query)
}

/** A coordinator of a process of its own, killed (SIGKILL) in the midst of a transfer of 30. */
export async function killedBefore(banks: Pick<Banks, 'name' | 'urls' | 'log'>, beginning: string, left = 2): Promise<void> {
  const { name, urls, log } = banks
  const args = ['--conditions=dure-source', CHILD, name, ...urls, log, beginning, String(3 - left)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  await until(async () => (await listInDoubt({ databases: urls })).length === left)
  child.kill('SIGKILL')
  await closed
  assert.equal(String(said), 'stands still\n')
}
