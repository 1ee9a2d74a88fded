import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import {
  channel,
  command,
  compareContracts,
  contract,
  describeContract,
  error,
  event,
  versionTrouble,
  type AnyContract,
  type Change,
} from './contract.ts'

type Text = z.ZodType<unknown, unknown>

/** Everything that a schema can do and JSON Schema cannot say, and what it is called. */
const OPAQUE: Readonly<Record<string, readonly [(of: z.ZodString) => Text, 'refinement' | 'transform']>> = {
  refine: [(of) => of.refine((text) => text !== 'x', 'not x'), 'refinement'],
  'an async refine': [(of) => of.refine(async (text) => text !== 'x'), 'refinement'],
  superRefine: [(of) => of.superRefine((text, context) => void (text === 'x' && context.addIssue('not x'))), 'refinement'],
  check: [(of) => of.check((payload) => void payload.issues), 'refinement'],
  property: [(of) => of.check(z.property('length', z.number().min(1))), 'refinement'],
  trim: [(of) => of.trim(), 'transform'],
  overwrite: [(of) => of.overwrite((text) => text + text), 'transform'],
  transform: [(of) => of.transform((text) => text.toUpperCase()), 'transform'],
  preprocess: [(of) => z.preprocess((text) => text, of), 'transform'],
}

/** Every place that a schema can stand in. */
const PLACES: Readonly<Record<string, (of: Text) => Text>> = {
  itself: (of) => of,
  'a field': (of) => z.object({ a: of, b: z.int() }),
  'an optional field': (of) => z.object({ a: of.optional() }),
  'a list': (of) => z.array(of),
  'a tuple': (of) => z.tuple([z.int(), of]),
  'the rest of a tuple': (of) => z.tuple([z.int()]).rest(of),
  'a record': (of) => z.record(z.string(), of),
  'a map': (of) => z.map(z.int(), of),
  'a set': (of) => z.set(of),
  'an alternative': (of) => z.union([z.int(), of]),
  nullable: (of) => of.nullable(),
  'a part': (of) => z.intersection(z.object({ a: of }), z.object({ b: z.int() })),
  'a variant': (of) => z.discriminatedUnion('is', [z.object({ is: z.literal('a'), a: of }), z.object({ is: z.literal('b') })]),
  'a recursive one': (of) => {
    const Node: z.ZodType = z.object({
      value: of,
      get next() {
        return Node.optional()
      },
    })
    return Node
  },
}

const input = (schema: Text): AnyContract =>
  contract('shop', { version: '1.0.0', owner: 't', operations: { ask: command({ input: schema }) } })
const changesOf = (before: AnyContract, after: AnyContract): Change[] =>
  compareContracts(
    JSON.parse(JSON.stringify(describeContract(before))) as ReturnType<typeof describeContract>,
    JSON.parse(JSON.stringify(describeContract(after))) as ReturnType<typeof describeContract>,
  )

test('whatever a schema does that cannot be drawn is seen to come and to go, wherever it stands', () => {
  for (const [place, put] of Object.entries(PLACES))
    for (const [name, [make, is]] of Object.entries(OPAQUE)) {
      const [plain, opaque] = [input(put(z.string())), input(put(make(z.string())))]
      const [came, went] = [changesOf(plain, opaque), changesOf(opaque, plain)]
      const said = (changes: readonly Change[], end: string): Change | undefined =>
        changes.find(({ message }) => message.startsWith(`has a ${is}`) && message.includes(end))
      assert.equal(said(came, ' now')?.level, is === 'refinement' ? 'breaking' : 'notice', `${name} in ${place}`)
      assert.equal(said(went, ' no longer')?.level, is === 'refinement' ? 'compatible' : 'notice', `${name} in ${place}`)
      assert.deepEqual(changesOf(opaque, opaque), [])
    }
})

test('a refinement on the whole of anything is seen as well', () => {
  const no = (): boolean => false
  for (const [place, put] of Object.entries(PLACES)) {
    const [plain, refined] = [put(z.string()), put(z.string()).refine(no, 'never')]
    const [change, ...others] = changesOf(input(plain), input(refined))
    assert.deepEqual(
      [change?.level, change?.breaks, change?.message, others],
      ['breaking', 'callers', 'has a refinement ("never") now: what it refuses was taken before', []],
      place,
    )
  }
})

test('a refinement that is another is a notice; one that only looks otherwise is none', () => {
  const at = (schema: Text): AnyContract => input(z.object({ a: schema }))
  const [change, ...others] = changesOf(
    at(z.string().refine((text) => text.length > 1, 'too short')),
    at(z.string().refine((text) => text.length > 2, 'too short')),
  )
  assert.equal(change?.level, 'notice')
  assert.equal(change?.where, 'shop.ask input at a')
  assert.match(change?.message ?? '', /"too short".*another now/)
  assert.deepEqual(others, [])
  const [one, two] = [new Function('x', 'return x') as () => boolean, new Function('x', 'return   x') as () => boolean]
  assert.deepEqual(changesOf(at(z.string().refine(one)), at(z.string().refine(two))), [])
})

test('what readers counted on breaks them when it goes: outputs, data of errors, events', () => {
  const of = (schema: z.ZodType): AnyContract =>
    contract('shop', {
      version: '1.0.0',
      owner: 't',
      operations: { ask: command({ output: schema, errors: { No: error('NO', { data: schema }) } }) },
      events: [event('shop.asked', { schema, key: () => 'k' })],
    })
  const [plain, refined] = [of(z.object({ a: z.int() })), of(z.object({ a: z.int() }).refine(() => true))]
  const gone = changesOf(refined, plain).filter(({ level }) => level === 'breaking')
  assert.deepEqual(
    gone.map(({ where, breaks }) => [where, breaks]),
    [
      ['shop.ask output', 'callers'],
      ['shop.ask error NO data', 'callers'],
      ['shop event "shop.asked"', 'subscribers'],
    ],
  )
  assert.deepEqual(
    changesOf(plain, refined).map(({ level }) => level),
    ['compatible', 'compatible', 'compatible'],
  )
})

test('what the caller of a channel sends is compared as well', () => {
  const chat = (incoming: Text): AnyContract =>
    contract('shop', { version: '1.0.0', owner: 't', operations: { chat: channel({ incoming }) } })
  assert.deepEqual(
    changesOf(chat(z.string()), chat(z.string().refine(() => true))).map(({ level, where }) => [level, where]),
    [['breaking', 'shop.chat incoming']],
  )
})

test('the gate stands on it', () => {
  const [before, after] = [input(z.object({ a: z.int() })), input(z.object({ a: z.int() }).refine(() => true))].map(
    describeContract,
  ) as [ReturnType<typeof describeContract>, ReturnType<typeof describeContract>]
  const changes = compareContracts(before, after)
  assert.match(versionTrouble(before, after, changes) ?? '', /breaks what 1\.0\.0 promised/)
})
