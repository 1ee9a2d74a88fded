import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CallError, contract, error, stream } from 'dure/contract'
import { z } from 'zod'
import { answerOf, clientAt, doorAndClient, rawServer } from './client.test-support.ts'

const Broken = error('BROKEN', { data: z.object({ at: z.date() }) })
const Ticks = contract('ticks', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    watch: stream({
      input: z.object({ n: z.int() }),
      output: z.object({ n: z.int(), at: z.date(), pad: z.string().optional() }),
      errors: { Broken },
      deadline: 10_000,
      http: 'GET /ticks',
    }),
  },
})

async function read(values: AsyncIterable<{ readonly n: number }>): Promise<{ got: number[]; failure: unknown }> {
  const got: number[] = []
  try {
    for await (const { n } of values) got.push(n)
    return { got, failure: undefined }
  } catch (failure) {
    return { got, failure }
  }
}

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n'
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const tick = (n: number): string => `{"n":${n},"at":"1970-01-01T00:00:00.000Z"}\n`

test('values of a stream come as they are made, and its failure after them', async () => {
  const door = await doorAndClient(Ticks, {
    watch: async function* ({ n }: { n: number }) {
      for (let i = 0; i < n; i++) yield { n: i, at: new Date(i) }
      if (n === 3) throw Broken({ at: new Date(7) })
      if (n === 2) throw new Error('secret')
    },
  })
  const values: unknown[] = []
  for await (const value of door.client.watch({ n: 1 })) values.push(value)
  assert.deepEqual(values, [{ n: 0, at: new Date(0) }])
  assert.deepEqual(await read(door.client.watch({ n: 0 })), { got: [], failure: undefined })
  const broken = await read(door.client.watch({ n: 3 }))
  assert.deepEqual(broken.got, [0, 1, 2])
  assert.ok(Broken.is(broken.failure))
  assert.deepEqual(broken.failure.data, { at: new Date(7) })
  const inside = await read(door.client.watch({ n: 2 }))
  assert.deepEqual([inside.got, (inside.failure as CallError).code], [[0, 1], 'INTERNAL'])
  const refused = await read(door.client.watch({ n: 'x' } as never))
  assert.deepEqual([refused.got, (refused.failure as CallError).code], [[], 'INVALID_ARGUMENT'])
})

test('whatever else comes ends the stream with a code, after the values before it', async () => {
  const said: { bytes: string; cut?: boolean } = { bytes: '' }
  const server = await rawServer((socket) => {
    socket.write(said.bytes)
    if (said.cut === true) socket.end()
  })
  const { client } = clientAt(Ticks, server.port, { limits: { answer: 1_000 } })
  const cases: readonly (readonly [bytes: string, cut: boolean, got: number[], code: string | undefined])[] = [
    [
      `${HEAD}${chunk(tick(1))}${chunk(`\n\r\n${tick(2).slice(0, 9)}`)}${chunk(tick(2).slice(9))}0\r\n\r\n`,
      false,
      [1, 2],
      undefined,
    ],
    [`${HEAD}${chunk(tick(1) + tick(2).trim())}0\r\n\r\n`, false, [1, 2], undefined],
    [`${HEAD}${chunk(tick(1))}`, true, [1], 'UNAVAILABLE'],
    [`${HEAD}${chunk(`${tick(1)}{"n":`)}0\r\n\r\n`, false, [1], 'INTERNAL'],
    [`${HEAD}${chunk(`${tick(1)}{"n":"x"}\n`)}`, false, [1], 'INTERNAL'],
    [`${HEAD}${chunk(`${tick(1)}{"$problem":{"code":"BROKEN","data":{"at":5}}}\n`)}`, false, [1], 'INTERNAL'],
    [`${HEAD}${chunk(`${tick(1)}{"$problem":7}\n`)}`, false, [1], 'INTERNAL'],
    [`${HEAD}${chunk('x'.repeat(1_001))}`, false, [], 'RESOURCE_EXHAUSTED'],
    [answerOf(200, 'application/json', '[]'), false, [], 'INTERNAL'],
    [answerOf(200, 'text/html', 'x'.repeat(5_000)), false, [], 'RESOURCE_EXHAUSTED'],
    [answerOf(503, 'text/html', 'secret'), false, [], 'UNAVAILABLE'],
  ]
  for (const [bytes, cut, got, code] of cases) {
    Object.assign(said, { bytes, cut })
    const result = await read(client.watch({ n: 1 }))
    assert.deepEqual(
      [result.got, (result.failure as CallError | undefined)?.code],
      [got, code],
      `${String(result.failure)} ${bytes}`,
    )
    assert.ok(!String(result.failure).includes('secret'))
  }
  // Who has seen enough leaves the connection; so does a deadline.
  Object.assign(said, { bytes: `${HEAD}${chunk(tick(1))}`, cut: false })
  for await (const _ of client.watch({ n: 1 })) break
  const late = await read(client.watch({ n: 1 }, { timeout: 50 }))
  assert.deepEqual([late.got, (late.failure as CallError).code], [[1], 'DEADLINE_EXCEEDED'])
  while (server.sockets.size > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('a slow reader holds its sender up', async () => {
  let made = 0
  const pad = 'x'.repeat(50_000)
  const door = await doorAndClient(Ticks, {
    watch: async function* ({ n }: { n: number }) {
      for (let i = 0; i < n; i++) {
        made++
        yield { n: i, at: new Date(0), pad }
      }
    },
  })
  const values = door.client.watch({ n: 2_000 })[Symbol.asyncIterator]()
  await values.next()
  // It stands still when all that is between them is full.
  let before = -1
  while (before !== made) {
    before = made
    for (let turns = 0; turns < 200; turns++) await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(made < 1_000, `${made} of 2,000 were made`)
  let got = 1
  while ((await values.next()).done !== true) got++
  assert.equal(got, 2_000)
})
