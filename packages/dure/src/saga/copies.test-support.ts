import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { testAdapter } from '../data/adapter.conformance.ts'
import type { SqlStore, SqlTransaction } from '../data/data.ts'
import { realRuntime, type Runtime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import type { ExtensionHost, OpenExtension } from '../service/internal.ts'
import { sagas } from './kind.ts'
import type { AnySaga, SagaTransaction } from './saga.ts'

const origin = { service: 'shop', correlationId: 'c', causationId: undefined, traceparent: undefined }

/** One copy of the service's sagas, which can be cut off from its store. */
export type Copy = {
  readonly open: OpenExtension
  readonly begin: (saga: AnySaga, id: string) => Promise<boolean>
  readonly ask: (method: string, input: object) => Promise<unknown>
  /** As a process that stands still: what it writes waits until it is thawed. */
  readonly freeze: () => void
  readonly thaw: () => void
  readonly said: readonly string[]
}

export async function storeOf(t: TestContext, runtime: Runtime): Promise<SqlStore> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-saga-'))
  const adapter = await testAdapter({ directory, runtime, log: silentLogger() })
  const migrations = { ...sagas.migrations, '001': 'CREATE TABLE effects (line TEXT NOT NULL)' }
  const store = await adapter.open('shop', { migrations })
  t.after(async () => {
    await store.stop({ timeout: 1_000 })
    rmSync(directory, { recursive: true, force: true })
  })
  return store
}

export async function copyOn(
  t: TestContext,
  store: SqlStore,
  values: readonly AnySaga[],
  {
    member = store.member,
    gone = [],
    runtime = realRuntime(),
    transaction = store.transaction,
  }: {
    member?: string
    gone?: readonly string[]
    runtime?: Runtime
    /** In place of the store's. */
    transaction?: SqlStore['transaction']
  } = {},
): Promise<Copy> {
  let frozen = Promise.resolve()
  let thaw = (): void => {}
  const said: string[] = []
  const log = {
    ...silentLogger(),
    with: () => log,
    info: (text: string) => void said.push(text),
    error: (text: string) => void said.push(text),
  }
  const held: SqlStore = {
    ...store,
    member,
    ...(member !== store.member && { sharing: 'shared', gone: async (of) => gone.includes(of) }),
    transaction: async (work, options) => {
      await frozen
      return transaction(work, options)
    },
  }
  const host = {
    ...{ service: 'shop', store: held, runtime, log, tracer: undefined },
    contexts: () => () => ({}),
    release: async () => {},
    bind: (tx: SqlTransaction) => tx,
  } as unknown as ExtensionHost
  const open = await sagas.open(host, values)
  await open.listen!()
  t.after(async () => {
    thaw()
    await open.stop({ timeout: 100 })
  })
  return {
    open,
    said,
    begin: (one, id) => held.transaction((tx) => (open.join!(tx, origin) as SagaTransaction).begin(one, null, { id })),
    ask: (method, input) => open.control![method]!(input as never),
    freeze: () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      frozen = promise
      thaw = resolve
    },
    thaw: () => thaw(),
  }
}

export const stateOf = async (store: SqlStore, id: string): Promise<unknown> =>
  (await store.select('SELECT state FROM dure_sagas WHERE id = ?', [id]))[0]?.['state']
export const effects = async (store: SqlStore): Promise<readonly unknown[]> =>
  (await store.select('SELECT line FROM effects ORDER BY line')).map(({ line }) => line)
