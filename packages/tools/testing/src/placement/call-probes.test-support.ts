/**
 * What no contract's inputs can ask: what is made of whatever is thrown, how calls and streams end, in which order. Every probe is an experiment that comes to an observation; the law says what it must be, or at least that it is
 * the same under every placement.
 */
import { caught, formOf, ORIGINS, pause, readAll, SHORT, type Calls, type Known, type Probe } from './probe.test-support.ts'
import { PRODUCED, THROWN } from './probe-system.test-support.ts'

export const callProbes: readonly Probe[] = [
  ...THROWN.flatMap((what) => [
    { name: `the handler throws ${what}`, run: ({ call }: Calls) => caught(call('refuse', what)) },
    { name: `the handler throws ${what}, at once`, run: ({ call }: Calls) => caught(call('refuse', `at once: ${what}`)) },
    {
      name: `a stream throws ${what} after two values`,
      run: ({ stream }: Calls) => readAll(stream('count', { name: 'failing', to: 2, fails: what })),
    },
  ]),
  ...PRODUCED.map((what) => ({
    name: `the handler answers with ${what}`,
    run: ({ call }: Calls) => caught(call('produce', what)),
  })),
  { name: 'an operation that is not there', run: ({ stray }) => caught(stray()) },
  {
    name: 'a signal that has fired before the call',
    run: async ({ call, seen }) => [
      await caught(call('wait', { name: 'gone before', ms: 5_000 }, { signal: AbortSignal.abort() })),
      await seen('gone before'),
    ],
  },
  {
    name: 'a signal that fires during the call',
    run: async ({ call, seen }) => {
      const leaving = new AbortController()
      const answer = caught(call('wait', { name: 'gone during', ms: 5_000 }, { signal: leaving.signal }))
      await seen('gone during', 'began')
      leaving.abort()
      return [await answer, await seen('gone during', 'ended')]
    },
  },
  {
    name: 'a deadline shorter than the handler',
    run: async ({ call, seen }) => [
      await caught(call('wait', { name: 'too long', ms: 5_000 }, { timeout: SHORT })),
      await seen('too long', 'ended'),
    ],
  },
  {
    name: 'no time left',
    run: async ({ call, seen }) => [await caught(call('wait', { name: 'late', ms: 0 }, { timeout: 0 })), await seen('late')],
  },
  {
    name: 'a handler that never ends',
    run: async ({ call, seen }) => [await caught(call('never', 'never', { timeout: SHORT })), await seen('never', 'ended')],
  },
  {
    name: 'what a handler knows of its call',
    run: async ({ call }) => {
      const known = (await call('context', undefined, { timeout: 4_000, correlationId: 'c 1', idempotencyKey: 'k 1' })) as Known
      return { ...known, left: known.left > 0 && known.left <= 4_000, traceparent: formOf(known.traceparent) }
    },
  },
  ...ORIGINS.flatMap(({ who, ...origin }) => [
    {
      name: `what a handler knows of ${who}`,
      run: async ({ behalfOf }: Calls) => {
        const { principal, metadata } = (await behalfOf(origin).call('context')) as Known
        return { principal, metadata, frozen: Object.isFrozen(principal) }
      },
    },
    { name: `${who} asks for what needs a scope`, run: ({ behalfOf }: Calls) => caught(behalfOf(origin).call('guarded')) },
    {
      name: `${who} reads a stream that needs a scope`,
      run: ({ behalfOf }: Calls) => readAll(behalfOf(origin).stream('guardedCount')),
    },
    ...[
      ['known', 1],
      // Who may not is told so, and not what is wrong with what it asks.
      ['known', 'no number'],
      ['staff', 1],
      ['staff', 'no number'],
      ['own', { owner: 'reader 김' }],
      ['own', { owner: 7 }],
      ['unsure', undefined],
    ].map(([operation, input]) => ({
      name: `${who} asks "${operation}" with ${JSON.stringify(input)}`,
      run: ({ behalfOf }: Calls) => caught(behalfOf(origin).call(operation as string, input)),
    })),
    {
      name: `${who} reads a stream that is for its owner`,
      run: ({ behalfOf }: Calls) => readAll(behalfOf(origin).stream('ownCount', { owner: 'reader 김' })),
    },
  ]),
  {
    name: 'each kind of access refuses whom it should, in this order: who it is, what it may do, with which input',
    must: [
      ['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
      ['stranger', 'INVALID_ARGUMENT', 'PERMISSION_DENIED', 'PERMISSION_DENIED', 'PERMISSION_DENIED', 'INVALID_ARGUMENT'],
      ['reader 김', 'INVALID_ARGUMENT', 'reader 김', 'INVALID_ARGUMENT', 'reader 김', 'INVALID_ARGUMENT'],
    ],
    run: async ({ behalfOf }) => {
      const asked: readonly (readonly [string, unknown])[] = [
        ['known', 1],
        ['known', '1'],
        ['staff', 1],
        ['staff', '1'],
        ['own', { owner: 'reader 김' }],
        ['own', {}],
      ]
      const [reader, stranger, nobody] = ORIGINS
      const answers: unknown[] = []
      for (const origin of [nobody!, stranger!, reader!]) {
        const calls = asked.map(([operation, input]) =>
          behalfOf(origin)
            .call(operation, input)
            .catch((error: unknown) => (error as { code: string }).code),
        )
        answers.push(await Promise.all(calls))
      }
      return answers
    },
  },
  {
    name: 'two hundred calls at once arrive in order',
    run: async ({ call, seen }) => [
      await Promise.all(Array.from({ length: 200 }, (_, n) => call('note', n))),
      await seen('note', 'note 199'),
    ],
  },
  {
    name: 'answers that overtake each other find their calls',
    must: ['30', '20', '10', '0'],
    run: async ({ call }) => await Promise.all([30, 20, 10, 0].map((ms) => call('wait', { name: String(ms), ms }))),
  },
  {
    name: 'a stream of a thousand values',
    must: { values: Array.from({ length: 1_000 }, (_, i) => i + 1) },
    run: ({ stream }) => readAll(stream('count', { name: 'thousand', to: 1_000 })),
  },
  {
    name: 'two streams that are read in turn keep their own order',
    must: [1, 101, 2, 102, 3, 103],
    run: async ({ stream }) => {
      const [low, high] = [stream('count', { name: 'low', to: 3 }), stream('count', { name: 'high', to: 103, from: 101 })]
      const [a, b] = [low[Symbol.asyncIterator](), high[Symbol.asyncIterator]()]
      const values: unknown[] = []
      for (let turn = 0; turn < 3; turn++) values.push((await a.next()).value, (await b.next()).value)
      return values
    },
  },
  {
    name: 'a reader that pauses misses nothing',
    must: Array.from({ length: 600 }, (_, i) => i + 1),
    run: async ({ stream }) => {
      const values: unknown[] = []
      for await (const value of stream('count', { name: 'paused', to: 600 })) {
        if (values.push(value) % 150 === 0) await pause(10)
      }
      return values
    },
  },
  {
    name: 'a deadline ends a stream that is giving values',
    run: async ({ stream, seen }) => {
      const read = (await readAll(stream('count', { name: 'giving', to: 1_000_000, ms: 5 }, { timeout: SHORT }))) as {
        values: unknown[]
        error: unknown
      }
      await seen('giving', 'let go')
      return { some: read.values.length > 0, inOrder: read.values.every((value, at) => value === at + 1), error: read.error }
    },
  },
  {
    name: 'calls go on while a stream stands still',
    must: ['a', 'b'],
    run: async ({ call, stream }) => {
      const iterator = stream('count', { name: 'standing', to: 1_000_000 })[Symbol.asyncIterator]()
      await iterator.next()
      const answers = [await call('echo', 'a'), await call('echo', 'b')]
      await iterator.return?.()
      return answers
    },
  },
  {
    name: 'a stream without values',
    must: { values: [] },
    run: ({ stream }) => readAll(stream('count', { name: 'empty', to: 0 })),
  },
  {
    name: 'a stream with wrong input',
    run: ({ stream }) => readAll(stream('count', { name: 1 })),
  },
  {
    name: 'a stream left early lets its handler go',
    run: async ({ stream, seen }) => [
      await readAll(stream('count', { name: 'left', to: 1_000_000 }), 3),
      (await seen('left', 'let go')).filter((text) => !text.includes('made')),
    ],
  },
  {
    name: 'a stream is not made far ahead of its reader',
    must: { within: true },
    run: async ({ stream, seen }) => {
      const iterator = stream('count', { name: 'slow', to: 1_000_000 })[Symbol.asyncIterator]()
      await iterator.next()
      await pause(50)
      const made = (await seen('slow')).length
      await iterator.return?.()
      return { within: made < 1_000 }
    },
  },
  {
    name: 'a stream past its deadline',
    run: async ({ stream, seen }) => [
      await readAll(stream('silent', 'silent', { timeout: SHORT })),
      await seen('silent', 'ended'),
    ],
  },
  {
    name: 'a stream with no time left',
    run: async ({ stream, seen }) => [await readAll(stream('silent', 'hasty', { timeout: 0 })), await seen('hasty')],
  },
  {
    name: 'a signal that fires during a stream',
    run: async ({ stream, seen }) => {
      const leaving = new AbortController()
      const read = readAll(stream('silent', 'leaving', { signal: leaving.signal }))
      await seen('leaving', 'began')
      leaving.abort()
      return [await read, await seen('leaving', 'ended')]
    },
  },
  {
    name: 'a signal that has fired before a stream',
    run: async ({ stream, seen }) => [
      await readAll(stream('silent', 'gone', { signal: AbortSignal.abort() })),
      await seen('gone'),
    ],
  },
  {
    name: 'a stream that is over stays over',
    run: async ({ stream }) => {
      const iterator = stream('count', { name: 'over', to: 1 })[Symbol.asyncIterator]()
      return [await iterator.next(), await iterator.next(), await iterator.next(), await iterator.return?.()]
    },
  },
  {
    name: 'a stream that failed is over',
    run: async ({ stream }) => {
      const iterator = stream('count', { name: 'broken', to: 0, fails: 'an Error' })[Symbol.asyncIterator]()
      return [await caught(iterator.next()), await iterator.next(), await iterator.return?.()]
    },
  },
  {
    name: 'a text of half a million characters',
    run: async ({ call }) => ((await call('echo', 'ü'.repeat(500_000))) as string).length,
  },
  { name: 'a text with half a character', must: 'a\ud800b', run: ({ call }) => call('echo', 'a\ud800b') },
  {
    name: 'twenty thousand items',
    run: async ({ call }) =>
      (
        (await call(
          'echo',
          Array.from({ length: 20_000 }, (_, i) => ({ i })),
        )) as unknown[]
      ).length,
  },
]
