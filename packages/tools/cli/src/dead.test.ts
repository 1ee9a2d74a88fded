import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { DeadLetter, DeadLetterChange, DeadLetterDetail, DeadLetterGroup } from 'dure/messaging'
import type { Lag } from 'dure/service'
import { counter } from './desk.test-support.ts'
import { dure, startHere, temporary } from './shell.test-support.ts'
import { textWidth } from '@dure/simulation/text/internal'

const data = temporary()
let running: Awaited<ReturnType<typeof startHere>>

before(async () => {
  running = await startHere('desk.test-support.ts', '--data', data)
})

after(async () => {
  await running.stop()
  const gone = await dead('list')
  assert.equal(gone.code, 1)
  assert.match(gone.err, /Nothing runs on the data directory/)
})

const dead = (...args: string[]): ReturnType<typeof dure> => dure(['dead', ...args, '--data', data])
const json = async <T>(...args: string[]): Promise<T> => {
  const { code, out, err } = await dead(...args, '--json')
  assert.equal(code, 0, err)
  return JSON.parse(out) as T
}
const list = (...args: string[]): Promise<readonly DeadLetter[]> => json('list', ...args)
const call = async (operation: string, input: unknown = {}): Promise<unknown> => {
  const { code, out, err } = await dure(['call', operation, JSON.stringify(input), '--data', data])
  assert.equal(code, 0, err)
  return out === '' ? undefined : JSON.parse(out)
}
const place = (orderId: string, quantity: number): Promise<unknown> => call('shop.place', { orderId, quantity })
const seen = async (): Promise<readonly string[]> => (await call('desk.seen')) as string[]
const until = async (met: () => Promise<boolean>): Promise<void> => {
  while (!(await met()));
}

test('with nothing dead, everything says so and ends well', async () => {
  for (const args of [['list'], ['groups'], ['retry', '--all'], ['discard', '--all', '--reason', 'none there']]) {
    assert.deepEqual(await dead(...args), { code: 0, out: 'No dead letters\n', err: '' })
  }
  assert.deepEqual(await list(), [])
  assert.match((await dead('audit')).out, /Nothing was done/)
  const reactions = counter.services.flatMap(({ contract, reactions }) => reactions.map(({ name }) => `${contract.name}/${name}`))
  const told = JSON.parse((await dure(['lag', '--data', data, '--json'])).out) as Lag
  assert.deepEqual(
    told.consumers.map(({ consumer }) => consumer),
    reactions,
  )
  const lag = await dure(['lag', '--data', data])
  assert.match(lag.out, /^CONSUMER +UNREAD +BEHIND +WAITING +DEAD +HELD\ndesk\/order\.placed +0 +- +0 +0 +0\n/)
})

test('what is dead is listed, grouped and shown, of events and of work', async () => {
  await place('주문-17', 13)
  await until(async () => (await list()).length === 1)
  await place('주문-17', 1)
  await place('주문-17', 2)
  await place('b', 13)
  await place('fine', 3)
  // One after the other, so that their order is known.
  await until(async () => (await list()).length === 2)
  await call('shop.print', { orderId: 'p', copies: 3 })
  await until(async () => (await list()).length === 3 && (await list())[0]!.held === 2 && (await seen()).length === 1)

  const groups = await json<readonly DeadLetterGroup[]>('groups')
  assert.deepEqual(
    groups.map(({ kind, consumer, count, held }) => [kind, consumer, count, held]),
    [
      ['topic', 'desk/order.placed', 2, 2],
      ['queue', 'desk/invoice.print', 1, 0],
    ],
  )
  const [order] = await list('--key', '주문-17')
  assert.deepEqual(await list('--group', groups[0]!.id, '--error', '주문'), [order])
  assert.equal((await list('--consumer', 'desk')).length, 3)
  assert.equal((await list('--consumer', 'desk/order.placed', '--since', '1h')).length, 2)
  assert.equal((await list('--topic', 'invoice.print')).length, 1)
  assert.deepEqual(await list('--until', '2020-01-01'), [])
  const [first, ...rest] = await list()
  assert.deepEqual(
    (await list('--after', first!.id)).map(({ id }) => id),
    rest.map(({ id }) => id),
  )

  const table = await dead('list', '--limit', '2')
  const [head, one, why] = table.out.split('\n')
  assert.match(head!, /^ID +CONSUMER +KEY +TRIES +HOLDS +FAILED$/)
  assert.match(one!, new RegExp(`^${order!.id}  desk/order\\.placed  주문-17 +4 +2  \\d+ (?:s|min) ago$`))
  assert.match(why!, /^ {12}Error: Out of stock: "주문-17" wants 13$/)
  // Wide characters take two columns, and what comes after them still stands under its heading.
  const end = (line: string, word: RegExp): number => textWidth(line.slice(0, word.exec(line)!.index))
  assert.equal(end(head!, / FAILED/), end(one!, / \d+ (?:s|min) ago/))
  assert.match(table.out, /There are more: dure dead list … --after [a-z2-9]{10}\n$/)
  const { out } = await dead('groups')
  assert.match(out, new RegExp(`^GROUP +COUNT +HOLDS +CONSUMER +FIRST +LAST\n${groups[0]!.id} +2 +2  desk/order\\.placed `))
  for (const columns of [40, 60, 80]) {
    for (const args of [['list'], ['groups']]) {
      const narrow = await dure(['dead', ...args, '--data', data], { columns })
      for (const line of narrow.out.split('\n')) assert.ok(textWidth(line) <= Math.max(columns, 56), line)
    }
  }

  const shown = await dead('show', order!.id.slice(0, 6))
  assert.match(
    shown.out,
    new RegExp(`^${order!.id}  dead letter of desk/order\\.placed\n  event +order\\.placed, version 1\n  key +주문-17\n`),
  )
  assert.match(shown.out, /Error\n {2}Error: Out of stock[^]*desk\.test-support\.ts:\d+/)
  assert.match(shown.out, /Data\n {2}\{\n {4}"orderId": "주문-17",\n {4}"quantity": 13\n {2}\}/)
  assert.match(shown.out, /Behind it {2}2 of its key wait\n( {2}[\da-f-]{36} {2}order\.placed .*\n){2}/)
  const whole = await json<DeadLetterDetail>('show', order!.message.id)
  assert.equal(whole.message.data, '{"orderId":"주문-17","quantity":13}')
  const lag = JSON.parse((await dure(['lag', '--data', data, '--json'])).out) as Lag
  assert.deepEqual(
    lag.consumers.map(({ consumer, deadLetters, held }) => [consumer, deadLetters, held]),
    [
      ['desk/order.placed', 2, 2],
      ['desk/invoice.print', 1, 0],
    ],
  )
})

test('a slip changes nothing and says what to do', async () => {
  const [order, , job] = await list()
  const cases: readonly (readonly [args: string[], code: number, says: RegExp])[] = [
    [['lst'], 2, /no such command; did you mean "dure dead list"\?/],
    [['edit', order!.id, '{}'], 2, /Cannot go on without --reason\nSee "dure dead edit --help"/],
    [['retry'], 2, /nothing says which; give ids, or filters such as --group, or --all/],
    [['retry', order!.id, '--all'], 2, /several ways of saying which/],
    [['retry', '--all'], 2, /Cannot retry 3 dead letters: nobody can be asked here.*--yes/],
    [['discard', '--key', 'b', '--reason', 'x'], 2, /Cannot discard 1 dead letter: .*--yes/],
    [['discard', order!.id], 2, /reason/],
    [['discard', order!.id, '--reason', ' '], 2, /say why/],
    [['retry', 'zzzz'], 1, /Cannot find dead letter "zzzz"/],
    [['retry', order!.id, 'zzzz'], 1, /Cannot find dead letter "zzzz"/],
    [['show', ''], 1, /Cannot find/],
    [['list', '--consumer', 'nobody'], 1, /no service "nobody" reacts to anything/],
    [['list', '--since', 'yesterday'], 2, /is not a time: write 90s, 5m/],
    [['list', '--limit', '0'], 2, /whole number/],
    [['edit', order!.id, '--reason', 'x'], 2, /there is no terminal for an editor/],
    [
      ['edit', order!.id, '{"orderId":"주문-17"}', '--reason', 'x'],
      2,
      /could not read the new data: it does not match the schema at "quantity"/,
    ],
    [['edit', order!.id, '{"orderId":', '--reason', 'x'], 2, /could not read the new data: its data are not JSON/],
    [['edit', order!.id, '{"orderId":"c","quantity":1}', '--reason', 'x'], 2, /key "c", and the message holds the key "주문-17"/],
    [['edit', job!.id, '{"orderId":"p","copies":0}', '--reason', 'x'], 2, /"copies"/],
  ]
  for (const [args, code, says] of cases) {
    const answer = await dead(...args)
    assert.equal(answer.code, code, `${args.join(' ')}: ${answer.err}`)
    assert.match(answer.err, says)
    assert.equal(answer.out, '')
  }
  assert.deepEqual(await dead('retry', '--key', 'nobody', '--yes'), { code: 1, out: 'No dead letter is like that\n', err: '' })
  assert.deepEqual(
    (await list()).map(({ id, edits }) => [id, edits]),
    [order!, (await list())[1]!, job!].map(({ id }) => [id, 0]),
  )
})

test('edited, retried, discarded: all flows in order, and the audit tells who did what', async () => {
  const [order, , job] = await list()
  const edit = await dure(
    ['dead', 'edit', order!.id.slice(0, 5), '-', '--reason', '수량이 잘못됨', '--by', '김하나', '--data', data],
    {
      stdin: '{\n  "orderId": "주문-17",\n  "quantity": 5\n}\n',
    },
  )
  assert.deepEqual([edit.code, edit.out], [0, `Edited ${order!.id}; it stays dead until "dure dead retry ${order!.id}"\n`])
  assert.match((await dead('list', '--key', '주문-17')).out, /\(edited once\)/)
  assert.equal((await dead('retry', order!.id)).out, '1 dead letter will be tried again\n')
  await until(async () => (await seen()).filter((what) => what.startsWith('주문')).length === 3)
  assert.deepEqual(
    (await seen()).filter((what) => what.startsWith('주문')),
    ['주문-17 5', '주문-17 1', '주문-17 2'],
  )

  await dead('edit', job!.id, '{"orderId":"p","copies":1}', '--reason', 'one will do')
  assert.deepEqual(await json('retry', job!.id), { retried: 1 })
  await until(async () => (await seen()).includes('printed p'))
  assert.equal((await dead('discard', '--all', '--reason', 'tests are over', '--yes')).out, 'Discarded 1 dead letter\n')
  assert.deepEqual(await list(), [])

  const changes = await json<readonly DeadLetterChange[]>('audit')
  assert.deepEqual(
    changes.map(({ action, topic, reason }) => [action, topic, reason]),
    [
      ['discard', 'order.placed', 'tests are over'],
      ['retry', 'invoice.print', ''],
      ['edit', 'invoice.print', 'one will do'],
      ['retry', 'order.placed', ''],
      ['edit', 'order.placed', '수량이 잘못됨'],
    ],
  )
  assert.equal((await json<readonly DeadLetterChange[]>('audit', '--action', 'edit', '--limit', '1')).length, 1)
  const audit = (await dead('audit', order!.id)).out
  assert.match(audit, new RegExp(`${order!.id}  [\\d-]+ [\\d:]+  edited by 김하나: 수량이 잘못됨\n`))
  assert.match(audit, /- \{"orderId":"주문-17","quantity":13\}\n +\+ \{"orderId":"주문-17","quantity":5\}/)
})

test('the audit of what is gone is found by the beginning of its id, folded to the terminal, and says when there is more', async () => {
  const [change] = await json<readonly DeadLetterChange[]>('audit', '--action', 'edit')
  const short = change!.letter.slice(0, 6)
  assert.ok((await json<readonly DeadLetterChange[]>('audit', short)).every(({ letter }) => letter === change!.letter))
  assert.equal((await dead('audit', 'zzzzzz')).out, 'Nothing in the audit is like that\n')
  assert.match((await dead('audit', '--limit', '1')).out, /\n\nThere are more: --limit N, or --until TIME\n$/)
  const narrow = await dure(['dead', 'audit', short, '--data', data], { columns: 50 })
  for (const line of narrow.out.split('\n')) assert.ok(textWidth(line) <= 50, line)
})

test('names are shortened in the middle at a terminal, and in a pipe not at all', async () => {
  const [terminal, pipe] = [
    await dure(['lag', '--data', data], { columns: 52 }),
    await dure(['lag', '--data', data], { columns: 52, piped: true }),
  ]
  assert.match(terminal.out, /^desk\S*…\S*placed +0/m)
  assert.match(pipe.out, /^desk\/order\.placed +0/m)
})
