import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, contract, type Message } from 'dure/contract'
import type { DeadLetter, DeadLetterDetail, DeadLetterFilter, DeadLetters } from 'dure/messaging'
import type { DoorHost } from 'dure/service'
import { answerDead } from './dead.ts'

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
    retry: async (filter, by) => doTo(`${by} retries`, filter),
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

const ids = (value: unknown): readonly string[] => (value as readonly DeadLetter[]).map(({ id }) => id)

test('letters of all services come in one order, and what two of them see is there once', async () => {
  const host = hostOf({
    desk: lettersOf([letter('a1xx', 'desk/print', 1), letter('c3xx', 'desk/print', 3)]),
    mail: lettersOf([letter('b2xx', 'mail/print', 2), letter('c3xx', 'mail/print', 3)]),
    plain: undefined,
  })
  const list = async (more: object = {}): Promise<readonly string[]> =>
    ids((await answerDead(host, { action: 'list', ...more })).value)
  assert.deepEqual(await list(), ['a1xx', 'b2xx', 'c3xx'])
  assert.deepEqual(await list({ limit: 2 }), ['a1xx', 'b2xx'])
  assert.deepEqual(await list({ after: 'a1xx' }), ['b2xx', 'c3xx'])
  assert.deepEqual(await list({ consumer: 'mail' }), ['b2xx', 'c3xx'])
  assert.deepEqual(await list({ consumer: 'mail/other' }), [])
  assert.deepEqual(ids((await answerDead(host, { action: 'groups' })).value), ['group of a', 'group of b', 'group of c'])
  assert.equal((await answerDead(host, { action: 'count' })).value, 3)
  await assert.rejects(answerDead(host, { action: 'list', consumer: 'plain' }), { code: 'NOT_FOUND' })
})

test('what is named is found wherever it is, and nothing is done when one is not found or not clear', async () => {
  const [atDesk, atMail]: [string[], string[]] = [[], []]
  const host = hostOf({
    desk: lettersOf([letter('a1xx', 'desk/print', 1), letter('a1yy', 'desk/print', 2)], atDesk),
    mail: lettersOf([letter('b2xx', 'mail/print', 3), letter('a1zz', 'mail/print', 4)], atMail),
  })
  const retry = (...names: string[]) => answerDead(host, { action: 'retry', by: 'kim', ids: names })
  assert.equal((await retry('a1xx', 'b2', 'a1xx')).value, 2)
  assert.deepEqual([atDesk, atMail], [['kim retries a1xx'], ['kim retries b2xx']])
  await assert.rejects(retry('a1xx', 'none'), { code: 'NOT_FOUND', message: /"none"/ })
  await assert.rejects(retry('a1'), { code: 'INVALID_ARGUMENT', message: /a1xx \(desk\/print\), a1zz \(mail\/print\)/ })
  assert.deepEqual([atDesk.length, atMail.length], [1, 1])
  await answerDead(host, { action: 'edit', id: 'b2xx', data: '{}', reason: 'a slip', by: 'kim' })
  assert.equal((await answerDead(host, { action: 'discard', reason: 'old', by: 'kim', consumer: 'desk' })).value, 2)
  assert.deepEqual(atMail.slice(1), ['edits b2xx to {}'])
  assert.deepEqual(atDesk.slice(1), ['for "old" discards a1xx', 'for "old" discards a1yy'])
})

test('a service that does not answer is named, and the others still answer', async () => {
  const done: string[] = []
  const host = hostOf({ away: AWAY, desk: lettersOf([letter('a1xx', 'desk/print', 1)], done) })
  const listed = await answerDead(host, { action: 'list' })
  assert.deepEqual([ids(listed.value), listed.silent], [['a1xx'], [{ service: 'away', why: 'its process is gone' }]])
  assert.equal((await answerDead(host, { action: 'retry', by: 'kim', ids: ['a1xx'] })).value, 1)
  assert.deepEqual(done, ['kim retries a1xx'])
  await assert.rejects(answerDead(host, { action: 'show', id: 'zzzz' }), {
    message: /unless it is of "away", who did not answer/,
  })
})
