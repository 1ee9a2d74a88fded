import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { playStory, simulate } from '@dure/simulation'
import { readStoryRecord, type Story, type StoryRecord } from 'dure/story'
import { stripVTControlCharacters } from 'node:util'
import { shop, simulation } from './incident.test-support.ts'
import { dure, startHere, temporary } from './shell.test-support.ts'

const data = temporary()
let running: Awaited<ReturnType<typeof startHere>>

before(async () => {
  running = await startHere('incident.system.test-support.ts', '--data', data)
})
after(() => running.stop())

const call = async (operation: string, input: object): Promise<void> => {
  const { code, err } = await dure(['call', operation, JSON.stringify(input), '--data', data])
  assert.equal(code, 0, err)
}
const order = (orderId: string, more: object = {}): object => ({
  ...{ orderId, email: 'ida@example.org', card: '4711', note: 'a book', ...more },
})
const story = async (about: string): Promise<Story> => {
  const { code, out, err } = await dure(['story', about, '--json', '--data', data])
  assert.equal(code, 0, err)
  return JSON.parse(out) as Story
}
/** The story once it is as it is to be. */
const until = async (about: string, there: (one: Story) => boolean): Promise<Story> => {
  for (;;) {
    const { code, out } = await dure(['story', about, '--json', '--data', data])
    const one = code === 0 ? (JSON.parse(out) as Story) : undefined
    if (one !== undefined && there(one)) return one
  }
}
const settled = ({ messages }: Story): boolean =>
  messages.every(
    ({ state, reactions }) => state === 'sent' && reactions.every((one) => /^(done|dead|discarded)$/.test(one.state)),
  )
const reactionsOf = ({ messages }: Story): readonly string[] =>
  messages.flatMap(({ reactions }) => reactions.map(({ consumer, state }) => `${consumer} ${state}`))

const exported = async (about: string): Promise<string> => {
  const file = join(data, `${about}.story.json`)
  const written = await dure(['story', about, '--export', file, '--data', data])
  assert.equal(written.code, 0, written.err)
  return file
}
/** What comes of it when it is played against the code as it is, or as it is mended. */
const played = async (file: string, { mended, live }: { readonly mended: boolean; readonly live?: readonly string[] }) => {
  const story = readStoryRecord(readFileSync(file, 'utf8'))
  const made = { ...simulation, system: () => shop({ mended }) }
  const outcome = await simulate({ seed: 1, simulation: playStory(made, { story, live }) })
  return outcome.kind === 'violated' ? outcome.message : outcome.kind
}

test('an order that went well is told from the data alone, by its key and by each of its ids', { timeout: 120_000 }, async () => {
  await call('orders.place', order('well'))
  const told = await until('well', (one) => settled(one) && one.messages.length === 2)
  assert.deepEqual([told.state, told.reasons, told.unseen, told.cutOff, told.spans], ['done', [], [], [], []])
  const [placed, paid] = told.messages
  assert.deepEqual([placed!.type, paid!.type], ['order.placed', 'order.paid'])
  assert.deepEqual([paid!.causedBy, paid!.by, paid!.source], [placed!.id, 'billing/order.placed', 'billing'])
  assert.deepEqual(placed!.reactions.map(({ consumer }) => consumer).toSorted(), [
    'billing/order.placed',
    'mail/order.placed',
    'warehouse/order.placed',
  ])
  const [charged] = placed!.reactions.flatMap(({ calls }) => calls)
  assert.deepEqual(
    [charged!.service, charged!.operation, charged!.outcome, charged!.answer],
    ['provider', 'charge', 'answered', { receipt: 'r-1' }],
  )
  // What schemas mark has not left.
  assert.deepEqual(placed!.data, { orderId: 'well', email: '[personal]', card: '[secret]', note: 'a book' })
  assert.doesNotMatch(JSON.stringify(told), /4711|ida@/)
  for (const about of [placed!.id, paid!.id, placed!.correlationId, 'a book'])
    assert.ok(
      (await story(about)).messages.some(({ id }) => id === placed!.id),
      about,
    )

  for (const columns of [80, 120]) {
    const { out } = await dure(['story', 'well', '--data', data], { columns, color: true })
    const lines = stripVTControlCharacters(out).split('\n')
    for (const line of lines) assert.ok(line.length <= columns, `${columns}: ${line}`)
    assert.match(lines[0]!, /^Story of well: done$/)
    assert.match(lines.join('\n'), /\n● order\.placed "well" from orders 0@\d+ +\+0 µs\n/)
    assert.match(
      lines.join('\n'),
      /\n[├└] ✓ billing\/order\.placed +\+[^\n]+\n[│ ] · ✓ called provider\.charge[^\n]+\n[│ ] └ ● order\.paid/,
    )
  }
  const nobody = await dure(['story', 'nobody', '--data', data])
  assert.deepEqual([nobody.code, nobody.out], [1, ''])
  assert.match(nobody.err, /^Nothing is known of "nobody": no message, saga or span has to do with it/)
})

test('a change before its order fails, when it is played as well, and not once it is mended', { timeout: 120_000 }, async () => {
  await call('orders.change', { orderId: 'early', note: 'two books' })
  await call('orders.place', order('early'))
  const told = await until('early', (one) => settled(one) && one.messages.length === 3)
  assert.equal(told.state, 'failed')
  assert.ok(reactionsOf(told).includes('warehouse/order.changed dead'))
  assert.match(
    told.reasons[0]!,
    /^warehouse\/order\.changed gave "order\.changed" up after 1 try \(\w+\): TypeError: Cannot read prop/,
  )
  const { out } = await dure(['story', 'early', '--data', data], { columns: 120 })
  assert.match(out, /\n└ ✗ warehouse\/order\.changed: dead after 1 try \[\w{10}\]: TypeError/)

  const file = await exported('early')
  const broken = await dure(['sim', 'incident.system.test-support.ts', '--story', file])
  const mended = await dure(['sim', 'mended.system.test-support.ts', '--story', file])
  assert.equal(broken.code, 1, broken.out + broken.err)
  assert.match(
    broken.out,
    /"nothing goes wrong in the story" does not hold: the same goes wrong as then: warehouse\/order\.changed, "order\.changed"/,
  )
  assert.deepEqual([mended.code, mended.err], [0, ''], mended.out)
})

test('a poison message fails when it is played, whoever has handled it since', { timeout: 120_000 }, async () => {
  await call('orders.place', order('bad', { note: 'poison' }))
  const told = await until('bad', (one) => settled(one) && one.messages.length === 2)
  const [mail] = told.messages[0]!.reactions.filter(({ service }) => service === 'mail')
  assert.deepEqual([mail!.state, mail!.attempts, told.state], ['dead', 1, 'failed'])
  const file = await exported('bad')
  const same = /^the same goes wrong as then: mail\/order\.placed, "order\.placed": Error: Cannot write a mail about "poison"$/
  assert.match(await played(file, { mended: false }), same)
  assert.equal(await played(file, { mended: true }), 'held')

  const { code } = await dure([
    'dead',
    'discard',
    mail!.letter!,
    '--reason',
    'nobody reads it',
    '--by',
    'ann',
    '--data',
    data,
    '--yes',
  ])
  assert.equal(code, 0)
  const discarded = await story('bad')
  assert.equal(discarded.state, 'done')
  const { out } = await dure(['story', 'bad', '--data', data])
  assert.match(out, /− mail\/order\.placed: discarded \(discarded by ann\)/)
  // Nothing went wrong in it as it is now.
  const record = JSON.parse(readFileSync(file, 'utf8')) as StoryRecord
  const other = record.messages.map((one) => ({ ...one, reactions: one.reactions.map((each) => ({ ...each, state: 'done' })) }))
  writeFileSync(file, JSON.stringify({ ...record, messages: other }))
  assert.match(await played(file, { mended: false }), /^something else goes wrong than then: mail\/order\.placed/)
})

test(
  'a provider that refused does so again when it is played, though its data are not in the story',
  { timeout: 120_000 },
  async () => {
    await call('provider.end', { card: '0815' })
    await call('orders.place', order('unpaid', { card: '0815' }))
    const told = await until('unpaid', settled)
    const [billing] = told.messages[0]!.reactions.filter(({ service }) => service === 'billing')
    assert.equal(billing!.state, 'dead')
    const [refused] = billing!.calls
    const { code: why } = refused!.answer as { readonly code: string }
    assert.deepEqual(
      [refused!.service, refused!.operation, refused!.outcome, why],
      ['provider', 'charge', 'refused', 'CARD_OVER'],
    )
    assert.doesNotMatch(JSON.stringify(told), /0815/)
    const file = await exported('unpaid')
    assert.match(
      await played(file, { mended: false }),
      /^the same goes wrong as then: billing\/order\.placed, "order\.placed": DeclaredError: /,
    )
    assert.equal(await played(file, { mended: true }), 'held')
    // By its own code it knows of no card that is over.
    assert.equal(await played(file, { mended: false, live: ['provider'] }), 'held')
  },
)

test('what is no story is refused', async () => {
  const file = join(data, 'none.json')
  for (const [text, why] of [
    ['{', /it is not JSON/],
    ['{}', /give a file that "dure story ORDER --export FILE" has written/],
    [JSON.stringify({ format: 'dure-story', version: 9, messages: [], sagas: [] }), /it is of version 9/],
  ] as const) {
    writeFileSync(file, text)
    const { code, err } = await dure(['sim', 'incident.system.test-support.ts', '--story', file])
    assert.equal(code, 2)
    assert.match(err, why)
  }
})
