import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createInbox, INBOX_RETENTION } from '../../data/internal.ts'
import { virtualRuntime } from '../../runtime/runtime.ts'
import { Counted } from '../consumer.test-support.ts'
import { queue } from '../queue.ts'
import { checkRetention, tidyApart } from './inbox-retention.ts'

const DAY = 86_400_000
const runtime = virtualRuntime()
const check = (days: number, keeps: number, kind: 'topic' | 'queue' = 'topic'): Promise<void> =>
  checkRetention({
    broker: { name: 'embedded', retention: async () => keeps * DAY },
    inbox: createInbox({ runtime, retention: days * DAY }),
    group: 'mail',
    reactions: [{ kind, name: 'letters', event: kind === 'topic' ? Counted : queue('print', { schema: Counted.schema }) }],
  })

test('an inbox that forgets before the broker does is refused, and both figures are said', async () => {
  await check(10, 7)
  await check(Infinity, Infinity)
  await check(0.5, Infinity, 'queue')
  for (const [days, keeps, says] of [
    [
      7,
      7,
      /consumer "mail\/letters": its inbox remembers messages for 7 days, and broker "embedded" may bring those of topic "counted" again for 7 days/,
    ],
    [0.5, 30, /for 12 hours, and .* for 30 days/],
    [10, Infinity, /for 10 days, and .* for ever/],
  ] as const) {
    await assert.rejects(check(days, keeps), { code: 'FAILED_PRECONDITION', message: says })
  }
})

test('the default remembers for longer than topics are kept by default', () => {
  assert.equal(createInbox({ runtime }).retention, INBOX_RETENTION)
  assert.ok(INBOX_RETENTION > 7 * DAY)
})

test('where many write at once, a step of tidying comes after the commit of the marks, by itself, one at a time', async () => {
  const begun: { readonly isolated: boolean | undefined; readonly end: (error?: Error) => void }[] = []
  const transaction = (_: unknown, options?: { isolated?: boolean }): Promise<void> =>
    new Promise((resolve, reject) => {
      begun.push({ isolated: options?.isolated, end: (error) => (error ? reject(error) : resolve()) })
    })
  const committed: (() => void)[] = []
  const tx = { onCommit: (listener: () => void) => committed.push(listener), beforeCommit: () => {} } as never
  const apart = tidyApart({ transaction } as never)
  const inbox = createInbox<never>({ runtime, apart: apart as never, records: { mark: async () => 1, forget: never } as never })
  for (let n = 0; n < 600; n++) await inbox.mark(tx, 'mail', `${n}`)
  assert.deepEqual([committed.length, begun.length], [2, 0])
  committed.forEach((told) => told())
  assert.deepEqual(
    begun.map(({ isolated }) => isolated),
    [false],
  )
  begun[0]!.end(new Error('The store has stopped'))
  await new Promise(setImmediate)
  committed[0]!()
  assert.equal(begun.length, 2)
})

function never(): never {
  return assert.fail('Tidied in the transaction of the marks')
}
