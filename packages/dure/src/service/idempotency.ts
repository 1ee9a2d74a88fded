import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import { CallError, DeclaredError, wireOf, type AnyOperation, type Status } from '../contract/contract.ts'
import type { Store } from '../data/data.ts'
import { cautiousTime, type Clock } from '../runtime/runtime.ts'

/**
 * A command that carries an idempotency key happens once and answers every repetition as it did the first
 * time. The mark commits with the handler's own transaction, so a crash cannot come between the two.
 *
 * A repetition finds the first still running (and waits for it), answered (same answer), committed but dead
 * before it answered (ALREADY_EXISTS: nothing is done twice), or never committed (runs). A key that comes
 * again with another input is refused.
 */
export type Idempotency = {
  readonly once: (request: KeyedCall, run: () => unknown) => Promise<unknown>
  /** Writes the mark; called inside every transaction of a handler whose call carries a key. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly mark: (tx: Kysely<any>, key: { operation: string; key: string }) => Promise<void>
}

export type KeyedCall = {
  readonly operation: string
  readonly definition: AnyOperation
  readonly key: string
  /** As the caller sent it. */
  readonly input: unknown
}

const KEY_LIMIT = 255
const RETENTION_MS = 24 * 60 * 60 * 1000
const PRUNED_AT_ONCE = 100

type Row = {
  readonly operation: string
  readonly key: string
  readonly fingerprint: string
  readonly outcome: string
  readonly body: string | null
  readonly made_at: number
}

/** Makes the table if need be. */
export async function createIdempotency(options: { store: Store; clock: Clock; service: string }): Promise<Idempotency> {
  const { store, clock, service } = options
  // A clock that is set forward makes no answer old.
  const passed = cautiousTime(clock)
  const running = new Map<string, { readonly fingerprint: string; readonly answer: Promise<unknown> }>()
  await store.transaction(async (tx) => {
    await tx.run(
      'CREATE TABLE IF NOT EXISTS dure_idempotency (operation TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, outcome TEXT NOT NULL, body TEXT, made_at BIGINT NOT NULL, PRIMARY KEY (operation, key))',
    )
    await tx.run('CREATE INDEX IF NOT EXISTS dure_idempotency_age ON dure_idempotency (made_at)')
  })

  const answerOnce = async (request: KeyedCall, fingerprint: string, place: string, run: () => unknown): Promise<unknown> => {
    const { operation, definition, key } = request
    const [row] = (await store.select('SELECT * FROM dure_idempotency WHERE operation = ? AND key = ?', [
      operation,
      key,
    ])) as unknown as Row[]
    if (row !== undefined) return replay(row, fingerprint, place, definition)
    let outcome: { readonly name: string; readonly body: string }
    try {
      const value = await run()
      outcome = { name: 'answered', body: JSON.stringify(wireOf(definition.output, 'output').toJson(value)) ?? 'null' }
      await remember(request, fingerprint, outcome)
      return value
    } catch (error) {
      // A declared error is an answer like any other; what else went wrong may go right the next time.
      if (error instanceof DeclaredError)
        await remember(request, fingerprint, { name: 'refused', body: errorBody(definition, error) })
      throw error
    }
  }

  const remember = (request: KeyedCall, fingerprint: string, outcome: { name: string; body: string }): Promise<void> =>
    store.transaction(async (tx) => {
      const values = [request.operation, request.key, fingerprint, outcome.name, outcome.body, clock.now()]
      await tx.run(
        'INSERT INTO dure_idempotency (operation, key, fingerprint, outcome, body, made_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (operation, key) DO UPDATE SET outcome = excluded.outcome, body = excluded.body',
        values,
      )
      await tx.run(
        `DELETE FROM dure_idempotency WHERE (operation, key) IN (SELECT operation, key FROM dure_idempotency WHERE made_at < ? ORDER BY made_at LIMIT ${PRUNED_AT_ONCE})`,
        [passed() - RETENTION_MS],
      )
    })

  return {
    once: (request, run) => {
      const place = `${service}.${request.operation}`
      const { key } = request
      if (key.length === 0 || key.length > KEY_LIMIT) return Promise.reject(badKey(place, key))
      const fingerprint = fingerprintOf(request)
      const slot = `${request.operation}\n${key}`
      const first = running.get(slot)
      if (first !== undefined) return first.fingerprint === fingerprint ? first.answer : Promise.reject(reused(place, key))
      const answer = answerOnce(request, fingerprint, place, run).finally(() => running.delete(slot))
      running.set(slot, { fingerprint, answer })
      return answer
    },
    mark: async (tx, { operation, key }) => {
      const fingerprint = running.get(`${operation}\n${key}`)?.fingerprint
      if (fingerprint === undefined) return
      await tx
        .insertInto('dure_idempotency')
        .values({ operation, key, fingerprint, outcome: 'committed', body: null, made_at: clock.now() })
        .onConflict((conflict) => conflict.columns(['operation', 'key']).doNothing())
        .execute()
    },
  }
}

function replay(row: Row, fingerprint: string, place: string, definition: AnyOperation): unknown {
  if (row.fingerprint !== fingerprint) throw reused(place, row.key)
  if (row.outcome === 'answered') return wireOf(definition.output, 'output').fromJson(JSON.parse(row.body ?? 'null')) ?? undefined
  if (row.outcome === 'refused') throw errorFrom(definition, JSON.parse(row.body ?? 'null'))
  throw new CallError(
    'ALREADY_EXISTS',
    `Call to ${place} with idempotency key "${row.key}" was carried out before, but its answer was lost in a crash; ask for the result instead of repeating the call`,
  )
}

type StoredError = { readonly code: string; readonly message: string; readonly status: Status; readonly data: unknown }

function errorBody(definition: AnyOperation, error: DeclaredError): string {
  const wire = wireOf(errorSchema(definition, error.code), 'output')
  const stored: StoredError = { code: error.code, message: error.message, status: error.status, data: wire.toJson(error.data) }
  return JSON.stringify(stored)
}

function errorFrom(definition: AnyOperation, stored: StoredError): DeclaredError {
  return new DeclaredError({ ...stored, data: wireOf(errorSchema(definition, stored.code), 'output').fromJson(stored.data) })
}

function errorSchema(definition: AnyOperation, code: string) {
  return Object.values(definition.errors as Record<string, { code: string; data: AnyOperation['input'] }>).find(
    (type) => type.code === code,
  )?.data
}

function fingerprintOf(request: KeyedCall): string {
  const json = JSON.stringify(wireOf(request.definition.input, 'input').toJson(request.input)) ?? ''
  return createHash('sha256').update(json).digest('base64url')
}

function badKey(place: string, key: string): CallError {
  return new CallError(
    'INVALID_ARGUMENT',
    `Call to ${place} was refused: an idempotency key has 1 to ${KEY_LIMIT} characters, this one has ${key.length}`,
  )
}

function reused(place: string, key: string): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Call to ${place} was refused: idempotency key "${key}" was used before with another input; use a new key`,
  )
}
