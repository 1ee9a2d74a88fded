/** Who sees whose changes: nobody the other's, whatever was sent, answered, given by a stream or thrown. */
import { differenceOf } from './difference.ts'
import { caught, pause, precious, readAll, type Calls, type Probe } from './probe.test-support.ts'
import { scramble } from './caller.ts'

export const isolationProbes: readonly Probe[] = [
  {
    name: 'the caller changes its input after the call',
    must: precious(),
    run: async ({ call }) => {
      const input = precious()
      const answer = call('echo', input)
      scramble(input)
      return await answer
    },
  },
  {
    name: 'the callee changes its input',
    must: precious(),
    run: async ({ call }) => {
      const input = precious()
      await call('spoil', input)
      return input
    },
  },
  {
    name: 'the callee changes what it has answered',
    must: { same: true },
    run: async ({ call }) => {
      const first = await call('held')
      const before = structuredClone(first)
      await call('held')
      await pause(5)
      return { same: differenceOf(first, before) === undefined }
    },
  },
  {
    name: 'the caller changes its answer',
    must: { list: true, when: 5 },
    run: async ({ call }) => {
      scramble(await call('held'))
      const { list, when } = (await call('held')) as { list: unknown[]; when: Date }
      return { list: list.length > 0, when: when.getTime() }
    },
  },
  {
    // A stream begins when it is first read, so this is what it is asked for.
    name: 'the caller changes its input before it reads the stream',
    run: async ({ stream }) => {
      const input = precious()
      const values = stream('repeat', input)
      scramble(input)
      return await readAll(values)
    },
  },
  {
    name: 'a stream gives one object twice, and its reader changes the first',
    must: { first: true, second: precious() },
    run: async ({ stream }) => {
      const [first, second] = ((await readAll(stream('repeat', precious()))) as { values: unknown[] }).values
      scramble(first)
      return { first: first !== second, second }
    },
  },
  {
    name: 'one object in two places of a value',
    must: { same: false },
    run: async ({ call }) => {
      const one = { a: 1 }
      const { left, right } = (await call('echo', { left: one, right: one })) as Record<string, unknown>
      return { same: left === right }
    },
  },
  {
    name: 'a stream changes what it has given',
    must: { values: [{ list: [1] }, { list: [1, 2] }, { list: [1, 2, 3] }] },
    run: ({ stream }) => readAll(stream('growing')),
  },
  ...['error', 'details'].flatMap((what) => [
    {
      name: `the callee changes the ${what} that it has thrown`,
      must: { same: true },
      run: async ({ call }: Calls) => {
        const thrown = await fieldsOf(call(what))
        const before = structuredClone(thrown)
        await caught(call(what))
        await pause(5)
        return { same: differenceOf(thrown, before) === undefined }
      },
    },
    {
      name: `the caller changes the ${what} that it has caught`,
      must: { at: new Date(5), list: true },
      run: async ({ call }: Calls) => {
        scramble(await fieldsOf(call(what)))
        const { at, list } = (await fieldsOf(call(what))) as { at: Date; list: unknown[] }
        return { at, list: list.length > 0 }
      },
    },
  ]),
]

/** What an error carries: its data when it is declared, else its details. */
async function fieldsOf(work: Promise<unknown>): Promise<unknown> {
  const { data, details } = (await caught(work)) as { readonly data: unknown; readonly details: unknown }
  return data ?? details
}
