import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import {
  channel,
  compareContracts,
  contract,
  ContractError,
  describeContract,
  openapi,
  stream,
  type Contract,
  type Operations,
} from './contract.ts'

const chat = (incoming: z.ZodType, version = '1.0.0'): Contract<'chat', Operations> =>
  contract('chat', {
    version,
    owner: 'tests',
    operations: { talk: channel({ input: z.object({ room: z.string() }), incoming, output: z.string(), scope: 'chat:talk' }) },
  })

test('a channel is described with what its caller sends, and compared by it', () => {
  const Chat = chat(z.object({ text: z.string() }))
  const { talk } = describeContract(Chat).operations
  assert.equal(talk!.kind, 'channel')
  assert.deepEqual([talk!.idempotent, talk!.deadline, talk!.scope], [false, 30_000, 'chat:talk'])
  assert.ok(talk!.incoming?.properties)
  const changes = (after: z.ZodType) =>
    compareContracts(describeContract(Chat), describeContract(chat(after))).map(({ level, where }) => `${level} ${where}`)
  assert.deepEqual(changes(z.object({ text: z.string() })), [])
  assert.deepEqual(changes(z.object({ text: z.string(), to: z.string() })), ['breaking chat.talk incoming at to'])
  assert.deepEqual(changes(z.object({ text: z.string(), to: z.string().optional() })), ['compatible chat.talk incoming at to'])
  const Stream = contract('chat', { version: '2.0.0', owner: 'tests', operations: { talk: stream({ output: z.string() }) } })
  const gone = compareContracts(describeContract(Chat), describeContract(Stream))
  assert.ok(gone.some(({ level, where }) => level === 'breaking' && where === 'chat.talk'))
  assert.deepEqual(openapi([Chat], { title: 'Chat' })['paths'], {})
})

test('a channel over HTTP, or of nothing, is refused in words', () => {
  assert.throws(() => channel({ incoming: z.string(), http: 'POST /talk' } as never), {
    name: 'TypeError',
    message: 'Cannot define a channel with `http`: HTTP carries no values both ways; leave `http` out, or use a stream',
  })
  const define = (talk: unknown) => () =>
    contract('chat', { version: '1.0.0', owner: 'tests', operations: { talk: talk as never } })
  assert.throws(define(channel({} as never)), (thrown) => {
    assert.ok(thrown instanceof ContractError)
    assert.deepEqual(thrown.problems, [
      {
        where: 'chat.talk incoming',
        found: 'no schema',
        fix: 'Say what its caller sends: channel({ incoming: … }); or use stream(…)',
      },
    ])
    return true
  })
  assert.throws(define(channel({ incoming: z.function() as never })), /chat\.talk incoming/)
})
