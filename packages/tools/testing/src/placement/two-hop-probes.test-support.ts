/** The same questions where a service stands between: what comes through it, and what ends with it. */
import { caught, formOf, ORIGINS, precious, readAll, SHORT, type Calls, type Known, type Probe } from './probe.test-support.ts'
import { PRODUCED, THROWN } from './probe-system.test-support.ts'

export const twoHopProbes: readonly Probe[] = [
  ...THROWN.map((what) => ({
    name: `two hops away the handler throws ${what}`,
    run: ({ far }: Calls) => caught(far.call('refuse', what)),
  })),
  ...PRODUCED.map((what) => ({
    name: `two hops away the handler answers with ${what}`,
    run: ({ far }: Calls) => caught(far.call('produce', what)),
  })),
  { name: 'two hops away values are what they were', must: precious(), run: ({ far }) => far.call('echo', precious()) },
  {
    name: 'two hops away the deadline has shrunk and the rest goes on',
    run: async ({ far }) => {
      const known = (await far.call('context', undefined, {
        timeout: 4_000,
        correlationId: 'c 2',
        idempotencyKey: 'k 2',
      })) as Known
      return { ...known, left: known.left > 0 && known.left < 4_000, traceparent: formOf(known.traceparent) }
    },
  },
  ...ORIGINS.flatMap(({ who, ...origin }) => [
    {
      name: `two hops away it is known that ${who} asked first`,
      run: async ({ behalfOf }: Calls) => {
        const { principal, metadata, ...known } = (await behalfOf(origin).far.call('context')) as Known & {
          readonly caller: unknown
        }
        return { principal, metadata, caller: known.caller }
      },
    },
    {
      name: `two hops away ${who} asks for what needs a scope`,
      run: ({ behalfOf }: Calls) => caught(behalfOf(origin).far.call('guarded')),
    },
    {
      name: `two hops away ${who} reads a stream that needs a scope`,
      run: ({ behalfOf }: Calls) => readAll(behalfOf(origin).far.stream('guardedCount')),
    },
  ]),
  {
    name: 'a deadline ends what is two hops away',
    run: async ({ far, seen }) => [
      await caught(far.call('never', 'far never', { timeout: SHORT })),
      await seen('far never', 'ended'),
    ],
  },
  {
    name: 'a signal ends what is two hops away',
    run: async ({ far, seen }) => {
      const leaving = new AbortController()
      const answer = caught(far.call('wait', { name: 'far gone', ms: 5_000 }, { signal: leaving.signal }))
      await seen('far gone', 'began')
      leaving.abort()
      return [await answer, await seen('far gone', 'ended')]
    },
  },
  {
    name: 'a stream from two hops away',
    must: { values: [1, 2, 3] },
    run: ({ far }) => readAll(far.stream('count', { name: 'far', to: 3 })),
  },
  {
    name: 'a stream from two hops away, left early',
    run: async ({ far, seen }) => [
      await readAll(far.stream('count', { name: 'far left', to: 1_000_000 }), 2),
      (await seen('far left', 'let go')).filter((text) => !text.includes('made')),
    ],
  },
  {
    name: 'a stream from two hops away that fails',
    run: ({ far }) => readAll(far.stream('count', { name: 'far failing', to: 2, fails: 'a CallError with details' })),
  },
  {
    name: 'a signal ends a stream from two hops away',
    run: async ({ far, seen }) => {
      const leaving = new AbortController()
      const read = readAll(far.stream('silent', 'far silent', { signal: leaving.signal }))
      await seen('far silent', 'began')
      leaving.abort()
      return [await read, await seen('far silent', 'ended')]
    },
  },
]
