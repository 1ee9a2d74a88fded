/** What events do: they arrive in the order of their key, each takes effect once, and none comes of what was undone. */
import { caught, pause, type Probe } from './probe.test-support.ts'

const EVENTS = 20

export const eventProbes: readonly Probe[] = [
  {
    name: 'events of one key arrive in order, each once',
    must: { a: upTo(EVENTS), b: upTo(EVENTS) },
    run: async ({ writer, reader }) => {
      for (let n = 0; n < EVENTS; n++) for (const key of ['a', 'b']) await writer.call('write', { key, n })
      return { a: await arrived(reader, 'a', EVENTS), b: await arrived(reader, 'b', EVENTS) }
    },
  },
  {
    name: 'an event keeps what it carries',
    must: [{ key: 'whole', n: 1, at: new Date(5), big: 2n ** 70n }],
    run: async ({ writer, reader }) => {
      await writer.call('write', { key: 'whole', n: 1 })
      await arrived(reader, 'whole', 1)
      return await reader.call('carried', 'whole')
    },
  },
  {
    name: 'a transaction that fails tells nobody',
    must: { failed: 'INTERNAL', arrived: [1] },
    run: async ({ writer, reader }) => {
      const { code } = (await caught(writer.call('write', { key: 'undone', n: -1 }))) as { code: unknown }
      await writer.call('write', { key: 'undone', n: 1 })
      return { failed: code, arrived: await arrived(reader, 'undone', 1) }
    },
  },
]

/** What operations with a key do. */
export const keyProbes: readonly Probe[] = [
  {
    name: 'calls of one key come one after the other, in the order in which they were sent',
    must: { a: upTo(EVENTS).map((n) => n + 1), b: [1] },
    run: async ({ writer }) => {
      const next = (key: string): Promise<unknown> => writer.call('next', { key })
      const [b, ...a] = await Promise.all([next('other'), ...upTo(EVENTS).map(() => next('same'))])
      return { a, b: [b] }
    },
  },
  { name: 'a key that is no text', run: ({ writer }) => caught(writer.call('next', { key: 5 })) },
]

/** What has arrived of a key, once there is enough of it and nothing more comes. */
async function arrived(reader: Parameters<Probe['run']>[0]['reader'], key: string, enough: number): Promise<unknown> {
  for (let tries = 0; ; tries++) {
    const numbers = (await reader.call('arrived', key)) as number[]
    if (numbers.length >= enough || tries > 1_000) return numbers
    await pause(2)
  }
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, n) => n)
}
