/** Channels: values both ways, and every way for one to end. */
import { ORIGINS, precious, readAll, SHORT, type Calls, type Probe } from './probe.test-support.ts'
import { PRODUCED, THROWN, produce } from './probe-system.test-support.ts'

/** What a caller sends, with what was made of it. */
function source(values: Iterable<unknown>, end: () => unknown = () => {}) {
  const state = { letGo: Promise.withResolvers<string>() }
  const sent = {
    async *[Symbol.asyncIterator]() {
      try {
        yield* values
        await end()
      } finally {
        state.letGo.resolve('let go')
      }
    },
  }
  return { sent, letGo: state.letGo.promise }
}
function* numbers(most: number = Infinity): Generator<number> {
  for (let n = 1; n <= most; n++) yield n
}
const hangs = (): Promise<never> => new Promise(() => {})

/** Without what depends on when it was heard. */
const ends = (seen: readonly string[]): readonly string[] => seen.filter((text) => !text.includes('heard')).toSorted()

export const channelProbes: readonly Probe[] = [
  {
    name: 'a channel of a thousand values each way',
    must: { values: [...numbers(1_000), 'heard all'] },
    run: ({ channel }) => readAll(channel('talk', { name: 'thousand' }, numbers(1_000))),
  },
  {
    name: 'a channel two hops away',
    must: { values: [...numbers(300), 'heard all'] },
    run: ({ far }) => readAll(far.channel('talk', { name: 'far talk' }, numbers(300))),
  },
  {
    name: 'many values and one answer',
    must: { values: [500_500] },
    run: ({ channel }) => readAll(channel('sum', undefined, numbers(1_000))),
  },
  {
    name: 'a channel whose caller sends nothing',
    must: { values: ['heard all'] },
    run: ({ channel }) => readAll(channel('talk', { name: 'nothing' }, [])),
  },
  ...THROWN.map((what) => ({
    name: `a channel throws ${what} after two values`,
    run: ({ channel }: Calls) => readAll(channel('talk', { name: 'failing', most: 2, fails: what }, numbers(5))),
  })),
  ...PRODUCED.map((what) => ({
    name: `the caller of a channel sends ${what} after a good value`,
    run: ({ channel }: Calls) => readAll(channel('talk', { name: 'sent' }, source([1, produce(what), 2]).sent)),
  })),
  {
    name: 'the caller of a channel sends what does not match its contract',
    run: async ({ channel }) => {
      const { sent, letGo } = source([1, 2, 'three', ...numbers(500)])
      return [await readAll(channel('strict', 'mismatch', sent)), await letGo]
    },
  },
  {
    name: 'what the caller of a channel sends fails',
    run: async ({ channel, seen }) => {
      const { sent, letGo } = source([1, 2], () => {
        throw new TypeError('of its own')
      })
      return [await readAll(channel('talk', { name: 'source' }, sent)), ends(await seen('source', 'let go')), await letGo]
    },
  },
  {
    name: 'what the caller of a channel sends fails, two hops away',
    run: async ({ far, seen }) => {
      const { sent } = source([1, 2], () => {
        throw new TypeError('of its own')
      })
      return [await readAll(far.channel('talk', { name: 'far source' }, sent)), ends(await seen('far source', 'let go'))]
    },
  },
  {
    name: 'a handler that has heard enough goes on answering',
    must: [{ values: [1, 2, 'heard all'] }, 'let go'],
    run: async ({ channel }) => {
      const { sent, letGo } = source(numbers(), hangs)
      return [await readAll(channel('talk', { name: 'enough', most: 2 }, sent)), await letGo]
    },
  },
  {
    name: 'a channel left early lets both sides go',
    run: async ({ channel, seen }) => {
      const { sent, letGo } = source(numbers())
      return [
        await readAll(channel('talk', { name: 'talk left' }, sent), 3),
        ends(await seen('talk left', 'let go')),
        await letGo,
      ]
    },
  },
  {
    name: 'a signal ends a channel that is silent',
    run: async ({ channel, seen }) => {
      const leaving = new AbortController()
      const { sent } = source([1], hangs)
      const read = readAll(channel('talk', { name: 'talk gone' }, sent, { signal: leaving.signal }))
      await seen('talk gone', 'heard')
      leaving.abort()
      return [((await read) as { readonly error: unknown }).error, ends(await seen('talk gone', 'let go'))]
    },
  },
  {
    name: 'a channel past its deadline',
    run: async ({ channel, seen }) => {
      const { sent } = source([1], hangs)
      return [
        await readAll(channel('talk', { name: 'talk late' }, sent, { timeout: SHORT })),
        ends(await seen('talk late', 'let go')),
      ]
    },
  },
  {
    name: 'a channel with no time left',
    run: async ({ channel, seen }) => [
      await readAll(channel('talk', { name: 'talk hasty' }, numbers(3), { timeout: 0 })),
      await seen('talk hasty'),
    ],
  },
  {
    name: 'a channel without anything to send',
    run: ({ channel }) => readAll(channel('talk', { name: 'none' }, undefined as never)),
  },
  {
    name: 'a channel with wrong input',
    run: ({ channel }) => readAll(channel('talk', { name: 1 }, numbers(3))),
  },
  {
    name: 'what a channel carries belongs to nobody else',
    must: { values: [precious(), 'heard all'] },
    run: ({ channel }) => readAll(channel('talk', { name: 'precious', spoils: true }, [precious()])),
  },
  ...ORIGINS.map(({ who, ...origin }) => ({
    name: `${who} opens a channel that needs a scope`,
    run: ({ behalfOf }: Calls) => readAll(behalfOf(origin).channel('guardedTalk', undefined, numbers(2))),
  })),
  ...ORIGINS.map(({ who, ...origin }) => ({
    name: `two hops away ${who} opens a channel that needs a scope`,
    run: ({ behalfOf }: Calls) => readAll(behalfOf(origin).far.channel('guardedTalk', undefined, numbers(2))),
  })),
]
