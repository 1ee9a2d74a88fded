import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, contract, type Message } from 'dure/contract'
import type { DeadLetter, DeadLetterDetail, DeadLetterFilter, DeadLetters } from 'dure/messaging'
import type { DoorHost } from 'dure/service'
import { realRuntime, virtualRuntime, type Runtime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { createActs } from 'dure/telemetry/internal'
import { answeredBy, answerParts } from '../internal.ts'
import { letters } from './letters.ts'

const message = (id: string): Message => ({
  ...{ id, source: 'shop', type: 'placed', key: 'a', time: 1, schemaVersion: 1, correlationId: 'c', data: '{}' },
  ...{ causationId: undefined, traceparent: undefined },
})

function letter(id: string, consumer: string, lastFailure: number): DeadLetterDetail {
  return {
    ...{ id, kind: 'queue', consumer, group: `group of ${id[0]}`, message: message(`m-${id}`), error: 'Error: no' },
    ...{ attempts: 1, firstFailure: lastFailure, lastFailure, held: 0, edits: 0, detail: 'Error: no', behind: [], changes: [] },
  }
}

/** A service's dead letters from a list, noting what is done to them. */
function lettersOf(all: readonly DeadLetterDetail[], done: string[] = []): DeadLetters {
  const of = ({ ids, consumer }: DeadLetterFilter = {}): readonly DeadLetterDetail[] =>
    all.filter((one) => (ids ?? [one.id]).includes(one.id) && (consumer ?? one.consumer) === one.consumer)
  const doTo = (what: string, filter?: DeadLetterFilter): number => {
    done.push(...of(filter).map(({ id }) => `${what} ${id}`))
    return of(filter).length
  }
  return {
    groups: async (filter) =>
      of(filter).map(({ id, consumer, group, lastFailure }) => ({
        ...{ id: group, kind: 'queue', consumer, topic: 'placed', error: 'Error: no', count: 1, held: 0, example: id },
        ...{ firstFailure: lastFailure, lastFailure },
      })),
    list: async ({ after, limit = 100, ...filter } = {}) =>
      of(filter)
        .filter((one) => after === undefined || one.lastFailure > after.lastFailure)
        .slice(0, limit),
    show: async (id) => {
      const [found] = all.filter((one) => one.id.startsWith(id))
      if (found === undefined) throw new CallError('NOT_FOUND', 'there is none')
      return found
    },
    retry: async (filter, by, reason = 'nothing') => doTo(`${by} for ${reason} retries`, filter),
    discard: async (filter, reason) => doTo(`for "${reason}" discards`, filter),
    edit: async (id, data) => void done.push(`edits ${id} to ${data}`),
    audit: async () => [],
  }
}

const away = (): Promise<never> => Promise.reject(new CallError('UNAVAILABLE', 'its process is gone'))
const AWAY: DeadLetters = { groups: away, list: away, show: away, retry: away, discard: away, edit: away, audit: away }

function hostOf(services: Readonly<Record<string, DeadLetters | undefined>>): DoorHost {
  return {
    contracts: Object.keys(services).map((name) => contract(name, { version: '1.0.0', owner: 'tests', operations: {} })),
    deadLetters: (name: string) => services[name],
  } as unknown as DoorHost
}

/** Asks as kim. */
function asking(host: DoorHost, runtime: Runtime = realRuntime()) {
  const world = { runtime, log: silentLogger(), directory: '.' }
  const acts = createActs({ record: undefined, runtime })
  const operator = answerParts({
    system: 'shop',
    runtime,
    log: world.log,
    acts,
    answered: [answeredBy(letters, { host, world })],
  })
  const caller = { name: 'kim', role: 'operator' } as const
  return <T>(operation: string, input: object = {}, reason?: string, signal?: AbortSignal): Promise<T> =>
    operator.call({ contract: 'letters', operation, input, caller, reason, signal }) as Promise<T>
}
type Listed = { readonly letters: readonly DeadLetter[]; readonly silent: readonly { readonly service: string }[] }

test('letters of all services come in one order, and what two of them see is there once', async () => {
  const ask = asking(
    hostOf({
      desk: lettersOf([letter('a1xx', 'desk/print', 1), letter('c3xx', 'desk/print', 3)]),
      mail: lettersOf([letter('b2xx', 'mail/print', 2), letter('c3xx', 'mail/print', 3)]),
      plain: undefined,
    }),
  )
  const list = async (more: object = {}): Promise<readonly string[]> =>
    (await ask<Listed>('list', more)).letters.map(({ id }) => id)
  assert.deepEqual(await list(), ['a1xx', 'b2xx', 'c3xx'])
  assert.deepEqual(await list({ limit: 2 }), ['a1xx', 'b2xx'])
  assert.deepEqual(await list({ after: 'a1xx' }), ['b2xx', 'c3xx'])
  assert.deepEqual(await list({ consumer: 'mail' }), ['b2xx', 'c3xx'])
  assert.deepEqual(await list({ consumer: 'mail/other' }), [])
  const { groups } = await ask<{ readonly groups: readonly { readonly id: string }[] }>('groups')
  assert.deepEqual(
    groups.map(({ id }) => id),
    ['group of a', 'group of b', 'group of c'],
  )
  assert.deepEqual(await ask('count'), { count: 3, silent: [] })
  await assert.rejects(ask('list', { consumer: 'plain' }), { code: 'NOT_FOUND' })
  await assert.rejects(ask('list', { limit: 5_000 }), { code: 'INVALID_ARGUMENT' })
})

test('what is named is found wherever it is, and nothing is done when one is not found or not clear', async () => {
  const [atDesk, atMail]: [string[], string[]] = [[], []]
  const ask = asking(
    hostOf({
      desk: lettersOf([letter('a1xx', 'desk/print', 1), letter('a1yy', 'desk/print', 2)], atDesk),
      mail: lettersOf([letter('b2xx', 'mail/print', 3), letter('a1zz', 'mail/print', 4)], atMail),
    }),
  )
  const retry = (...ids: string[]) => ask<{ readonly count: number }>('retry', { ids }, 'the printer is back')
  assert.equal((await retry('a1xx', 'b2', 'a1xx')).count, 2)
  const retried = (id: string) => [`kim for the printer is back retries ${id}`]
  assert.deepEqual([atDesk, atMail], [retried('a1xx'), retried('b2xx')])
  await assert.rejects(retry('a1xx', 'none'), { code: 'NOT_FOUND', message: /"none"/ })
  await assert.rejects(retry('a1'), { code: 'INVALID_ARGUMENT', message: /a1xx \(desk\/print\), a1zz \(mail\/print\)/ })
  assert.deepEqual([atDesk.length, atMail.length], [1, 1])
  await assert.rejects(ask('edit', { id: 'b2xx', data: '{}' }), { code: 'INVALID_ARGUMENT', message: /needs a reason/ })
  assert.deepEqual(await ask('edit', { id: 'b2xx', data: '{}' }, 'a slip'), { id: 'b2xx' })
  assert.deepEqual(await ask('discard', { consumer: 'desk' }, 'old'), { count: 2, silent: [] })
  assert.deepEqual(atMail.slice(1), ['edits b2xx to {}'])
  assert.deepEqual(atDesk.slice(1), ['for "old" discards a1xx', 'for "old" discards a1yy'])
})

test('a service that does not answer is named, and the others still answer', async () => {
  const done: string[] = []
  const ask = asking(hostOf({ away: AWAY, desk: lettersOf([letter('a1xx', 'desk/print', 1)], done) }))
  const { letters: listed, silent } = await ask<Listed>('list')
  assert.deepEqual([listed.map(({ id }) => id), silent], [['a1xx'], [{ service: 'away', why: 'its process is gone' }]])
  assert.equal((await ask<{ readonly count: number }>('retry', { ids: ['a1xx'] })).count, 1)
  assert.deepEqual(done, ['kim for nothing retries a1xx'])
  await assert.rejects(ask('show', { id: 'zzzz' }), { message: /unless it is of "away", who did not answer/ })
})

test('what an edit changes is shown before it is made', async () => {
  const one = letter('a1xx', 'desk/print', 1)
  const data = '{"order":{"id":7,"lines":[1,2]},"note":"old"}'
  const ask = asking(hostOf({ desk: lettersOf([{ ...one, message: { ...one.message, data } }]) }))
  const next = '{"order":{"id":"7","lines":[1]},"by":"kim"}'
  const { changes } = await ask<{ changes: { path: unknown[]; kind: string; before?: unknown; after?: unknown }[] }>(
    'difference',
    {
      ...{ id: 'a1xx', data: next },
    },
  )
  assert.deepEqual(
    changes.map(({ path, kind, before, after }) => [kind, path.join('.'), before ?? '', after ?? '']),
    [
      ['changed', 'order.id', 7, '7'],
      ['removed', 'order.lines.1', 2, ''],
      ['removed', 'note', 'old', ''],
      ['added', 'by', '', 'kim'],
    ],
  )
  assert.deepEqual((await ask<{ after: unknown }>('difference', { id: 'a1xx', data: '{"order"' })).after, '{"order"')
})

test('a fixed set is retried at a rate, until whoever wanted it waits no more', async () => {
  const done: string[] = []
  const all = ['a1xx', 'b2xx', 'c3xx', 'd4xx'].map((id, at) => letter(id, 'desk/print', at))
  const runtime = virtualRuntime()
  const ask = asking(hostOf({ desk: lettersOf(all, done) }), runtime)
  const ids = all.map(({ id }) => id)
  await assert.rejects(ask('retry', { rate: 2 }), { code: 'INVALID_ARGUMENT', message: /without a fixed set/ })
  await assert.rejects(ask('retry', { ids, rate: 0.001 }), { code: 'INVALID_ARGUMENT', message: /more than 9 minutes/ })
  const gone = new AbortController()
  const retried = ask('retry', { ids, rate: 2 }, undefined, gone.signal)
  const ended = assert.rejects(retried, { code: 'CANCELLED' })
  await runtime.advance(1_200)
  assert.equal(done.length, 3)
  gone.abort()
  await runtime.advance(5_000)
  await ended
  assert.equal(done.length, 3)
})
